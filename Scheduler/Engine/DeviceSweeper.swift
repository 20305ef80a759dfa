internal import Domain
package import Store

/// Marks devices as offline that are silent, cancels what waits for approval in sessions that are over, and takes away
/// what devices were that are deleted (CONTRACT 6).
package struct DeviceSweeper: Ticking {
    package static let topic = "device_sweeper"
    /// Rows, and devices, of one round.
    private static let (limit, devices) = (500, 20)
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let silent = try await database.write { try $0.endPresence(limit: Self.limit) }
        let isClosing = try await database.write { try $0.closeSessions(limit: Self.limit) }
        let unregistered = try await database.read { try $0.unregisteredDevices(limit: Self.devices) }
        for (device, customer) in unregistered {
            try await database.write { try $0.deleteUnregistered(device, of: customer) }
        }
        let deleted = try await database.write { try $0.takeDevicesToErase(limit: Self.devices) }
        try await erase(deleted)
        let isMore = isClosing || !deleted.isEmpty || unregistered.count >= Self.devices || silent >= Self.limit
        return isMore ? .milliseconds(5) : .seconds(2)
    }

    /// Each by itself, so that one that can't be erased doesn't keep the others; it is tried again.
    private func erase(_ devices: [DeviceID]) async throws {
        var failure: (any Error)?
        for device in devices {
            do {
                try await database.write { try $0.eraseDevice(device, limit: Self.limit) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }
}
