package import Store

/// Ends tasks whose time is over: past the deadline of their escrow, reported and undisputed, or left in review
/// (CONTRACT 7).
package struct BountySweeper: Ticking {
    package static let topic = "bounty_sweeper"
    private static let limit = 100
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let overdue = try await database.write { try $0.expireBounties(limit: Self.limit) }
        let due = try await database.write { try $0.settleDueAudits(limit: Self.limit) }
        let stale = try await database.write { try $0.endStaleReviews(limit: Self.limit) }
        return max(overdue, due, stale) >= Self.limit ? .milliseconds(5) : .seconds(1)
    }
}
