package import Store

/// Gives back what holds whose time is over still hold.
package struct HoldExpirer: Ticking {
    package static let topic = "hold_expirer"
    private static let limit = 500
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let count = try await database.write { try $0.expireHolds(limit: Self.limit) }
        return count >= Self.limit ? .milliseconds(5) : .seconds(5)
    }
}
