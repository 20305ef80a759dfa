package import Store

/// Marks devices as offline that are silent, cancels what waits for approval in sessions that are over, and takes away
/// what devices were that are deleted (CONTRACT 6).
package struct DeviceSweeper: Ticking {
    package static let topic = "device_sweeper"
    private static let limit = 500
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let silent = try await database.write { try $0.endPresence(limit: Self.limit) }
        let isClosing = try await database.write { try $0.closeSessions(limit: Self.limit) }
        let unregistered = try await database.write { try $0.deleteUnregisteredDevices(limit: Self.limit) }
        let isErasing = try await database.write { try $0.eraseDevices(limit: Self.limit) }
        let isMore = isClosing || isErasing || max(silent, unregistered) >= Self.limit
        return isMore ? .milliseconds(5) : .seconds(2)
    }
}
