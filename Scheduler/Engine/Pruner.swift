internal import Domain
package import Store

/// Takes away nonces, idempotency keys, claims' request ids, notices, notifications, unfinished uploads and what small
/// devices wrote that have served their time, and what belonged to deleted posts.
package struct Pruner: Ticking {
    package static let topic = "pruner"
    private static let limit = 1_000
    private let database: Database
    /// How long an answer can be replayed, a claim's too, in milliseconds: a day, twice the longest lease.
    private let keysLast: Int64 = 86_400_000
    /// How long an upload may take, in milliseconds: a day, twice the longest lease.
    private let uploadsLast: Int64 = 86_400_000
    /// Each may hold 64 MiB.
    private static let uploadLimit = 10

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let keysLast = keysLast
        let gone = try await database.write { tx in
            try tx.prune(limit: Self.limit, keysOlderThan: tx.now - keysLast)
        }
        let uploadsLast = uploadsLast
        let uploads = try await database.write { tx in
            try tx.pruneUploads(limit: Self.uploadLimit, olderThan: tx.now - uploadsLast)
        }
        let staged = try await database.write { tx in
            try tx.pruneStaged(limit: Self.uploadLimit, olderThan: tx.now - uploadsLast)
        }
        let ofInklings = try await database.write { try $0.pruneInklings(limit: Self.limit) }
        let ofPosts = try await database.write { try $0.pruneDeletedBounties(limit: Self.limit) }
        let isDone =
            gone < Self.limit && uploads < Self.uploadLimit && staged < Self.uploadLimit && ofInklings < Self.limit
            && !ofPosts
        return isDone ? .seconds(30) : .milliseconds(100)
    }
}

extension ClassIndex {
    /// Reads classes that another process recorded.
    func load(_ ids: [ClassID], _ database: Database) async throws {
        let missing = ids.filter { !isKnown($0) }
        guard !missing.isEmpty else { return }
        add(try await database.read { try $0.classes(missing) }.map { ($0.id, $0.requirement) })
    }
}

extension Array {
    func slices(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
