internal import Domain
package import Store

/// Marks devices as offline that are silent, cancels what waits for approval in sessions that are over, and takes away
/// what devices were that are deleted (CONTRACT 6).
package struct DeviceSweeper: Ticking {
    package static let topic = "device_sweeper"
    /// Rows, and devices, of one round.
    private static let (limit, devices) = (500, 20)
    private let database: Database
    private let aside: SetAside

    package init(_ database: Database, aside: SetAside = SetAside(DeviceSweeper.topic)) {
        self.database = database
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let silent =
            try await aside.settle("silent device", upTo: Self.limit, in: database) { try $0.endPresence($1) }
            .last ?? 0
        let isClosing = try await aside.settle("session", upTo: Self.limit, in: database) { tx, picking in
            try tx.closeSessions(picking, commands: Self.limit)
        }.contains(true)
        let picking = Picking(Self.devices, except: aside.ids(of: "unregistered device"))
        let unregistered = try await database.read { try $0.unregisteredDevices(picking) }
        for (device, customer) in unregistered {
            do {
                try await database.write { try $0.deleteUnregistered(device, of: customer) }
            } catch let error where SetAside.mayBeOfOne(error) {
                aside.add(device.text, of: "unregistered device", error)
            }
        }
        let deleted = try await database.write { try $0.takeDevicesToErase(limit: Self.devices) }
        try await erase(deleted)
        let isMore = isClosing || !deleted.isEmpty || unregistered.count >= Self.devices || silent >= Self.limit
        return isMore ? .milliseconds(5) : .seconds(2)
    }

    /// Each by itself, so that one that can't be erased doesn't keep the others; it was put off before, and is tried
    /// again then.
    private func erase(_ devices: [DeviceID]) async throws {
        for device in devices {
            do {
                try await database.write { try $0.eraseDevice(device, limit: Self.limit) }
            } catch let error where SetAside.mayBeOfOne(error) {
                aside.add(device.text, of: "deleted device", error)
            }
        }
    }
}
