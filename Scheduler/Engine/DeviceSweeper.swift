package import Store

/// Marks devices as offline that are silent, and cancels what waits for approval in sessions that are over (CONTRACT
/// 6).
package struct DeviceSweeper: Ticking {
    package static let topic = "device_sweeper"
    private static let limit = 500
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let silent = try await database.write { try $0.endPresence(limit: Self.limit) }
        let isMore = try await database.write { try $0.closeSessions(limit: Self.limit) }
        return silent >= Self.limit || isMore ? .milliseconds(5) : .seconds(2)
    }
}
