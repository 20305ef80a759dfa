package import Store

/// Ends tasks whose time is over: past the deadline of their escrow, reported and undisputed, or left in review
/// (CONTRACT 7).
package struct BountySweeper: Ticking {
    package static let topic = "bounty_sweeper"
    private static let limit = 100
    private let database: Database
    private let aside: SetAside

    package init(_ database: Database, aside: SetAside = SetAside(BountySweeper.topic)) {
        self.database = database
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let overdue = try await settle("overdue task") { try $0.expireBounties($1) }
        let due = try await settle("audit") { try $0.settleDueAudits($1) }
        let stale = try await settle("stale review of task") { try $0.endStaleReviews($1) }
        return max(overdue, due, stale) >= Self.limit ? .milliseconds(5) : .seconds(1)
    }

    /// How many the last batch had.
    private func settle(
        _ kind: String, _ serve: @escaping @Sendable (Transaction, Picking) throws -> Int
    ) async throws -> Int {
        try await aside.settle(kind, upTo: Self.limit, in: database, serve).last ?? 0
    }
}
