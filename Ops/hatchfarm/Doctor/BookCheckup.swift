internal import Domain
internal import Store

/// Whether the books hold together: every transfer that was ever posted is added up.
struct BookCheckup {
    let database: Database

    func finding() async -> Finding {
        do {
            let (findings, totals) = try await database.read { tx in
                (try tx.bookFindings(full: true), try tx.assetTotals())
            }
            let broken = findings.filter { $0.breaches > 0 }
            guard broken.isEmpty else {
                let words = broken.map { "\($0.check) \($0.breaches) times, as at \($0.example ?? "?")" }
                return .fail(
                    "books", "they don't hold together: \(words.joined(separator: "; "))",
                    remedy: "stop all servers, keep a copy of the database, and tell its makers")
            }
            let sums = totals.map { "\($0.supply) minor units of \($0.asset.rawValue)" }
            return .ok("books", "\(findings.count) rules hold; \(sums.joined(separator: ", "))")
        } catch {
            return .fail("books", "they can't be read: \(error)", remedy: "may this user read the ledger's tables?")
        }
    }
}
