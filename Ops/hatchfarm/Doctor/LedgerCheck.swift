internal import Domain
internal import Store

/// Checks that the ledger is consistent, over all transfers.
struct LedgerCheck {
    let database: Database

    func finding() async -> Finding {
        do {
            let (findings, totals) = try await database.read { tx in
                (try tx.bookFindings(full: true), try tx.assetTotals())
            }
            let broken = findings.filter { $0.breaches > 0 }
            guard broken.isEmpty else {
                let words = broken.map { "\($0.check): \($0.breaches) violations, for example \($0.example ?? "?")" }
                return .fail(
                    "books", "the ledger is inconsistent: \(words.joined(separator: "; "))",
                    remedy: "stop all servers, keep a copy of the database, and report a bug")
            }
            let sums = totals.map { "\($0.supply) minor units of \($0.asset.rawValue)" }
            return .ok("books", "\(findings.count) checks passed; \(sums.joined(separator: ", "))")
        } catch {
            return .fail("books", "cannot read the ledger: \(error)", remedy: "let this user read the ledger's tables")
        }
    }
}
