internal import Domain

/// What happened to a device or to one of its commands, for those who watch the device.
struct DeviceChange {
    var device: DeviceID
    /// The command; nil when it is the device itself.
    var job: JobID?
    /// What it has become.
    var status: String
    /// How many more, or fewer, wait for a claim.
    var waiting: Int64 = 0
    /// How many more, or fewer, are open.
    var open: Int64 = 0
    /// Whether the device's sockets have to look: something may be claimed, or the device is not what it was.
    var concernsDevice = false
}

extension Transaction {
    /// Counts and tells changes, in the order given. Accounts and live jobs are locked before and after: devices come
    /// between.
    func note(_ changes: [DeviceChange]) throws {
        guard !changes.isEmpty else { return }
        let byDevice = Dictionary(grouping: changes, by: \.device)
        let devices = byDevice.keys.sorted()
        // Several in the order of their ids, whichever order the update takes.
        if devices.count > 1 { try SQL.chunked(devices) { try lockDevices($0) } }
        let changed = SQL.Rows("changed", ["device", "more_waiting", "more_open", "happened"], of: devices) { id in
            let mine = byDevice[id] ?? []
            return [
                .text(id.text), .integer(mine.reduce(0) { $0 + $1.waiting }),
                .integer(mine.reduce(0) { $0 + $1.open }), .integer(Int64(mine.count)),
            ]
        }
        let positions = try rows(
            """
            UPDATE devices SET waiting = waiting + \(changed.more_waiting),
                open_commands = open_commands + \(changed.more_open),
                last_position = last_position + \(changed.happened)
            \(from: changed) WHERE devices.id \(is: changed.device)
            RETURNING devices.id, last_position
            """
        ) { row in try (DeviceID(row.text()), row.integer()) }
        let updates = positions.flatMap { id, last in
            let mine = byDevice[id] ?? []
            return mine.enumerated().map { index, change in
                (device: id, position: last - Int64(mine.count - 1 - index), change: change)
            }
        }
        let columns: [StaticString] = ["device_id", "position", "type", "job_id", "status", "created_at"]
        let told = SQL.Rows("told", columns, of: updates) { device, position, change in
            [
                .text(device.text), .integer(position),
                .text(change.job == nil ? "device_status" : "command_update"), .text(change.job?.text),
                .text(change.status), .integer(now),
            ]
        }
        try executeLater("INSERT INTO device_updates \(inserting: told)")
        for (id, changes) in byDevice {
            wake(DeviceTopic.updates(of: id))
            if changes.contains(where: \.concernsDevice) { wake(DeviceTopic.device(id)) }
        }
    }

    /// Takes away a device's oldest updates; returns how many.
    func deleteUpdates(of device: DeviceID, limit: Int) throws -> Int {
        let positions = try rows(
            "SELECT position FROM device_updates WHERE device_id = \(device.text) ORDER BY position LIMIT \(limit)"
        ) { try $0.integer() }
        guard let last = positions.last else { return 0 }
        return try execute(
            "DELETE FROM device_updates WHERE device_id = \(device.text) AND position <= \(last)")
    }

    /// Takes away what was told before an instant; returns how much.
    func deleteDeviceUpdates(olderThan instant: Int64, limit: Int) throws -> Int {
        let places = try rows(
            """
            SELECT device_id, position FROM device_updates WHERE created_at < \(instant)
            ORDER BY created_at LIMIT \(limit)
            """
        ) { row in try (device: row.text(), position: row.integer()) }
        let gone = SQL.Rows("gone", ["device", "place"], of: places) { [.text($0.device), .integer($0.position)] }
        return try execute(
            """
            DELETE FROM device_updates \(using: gone)
            WHERE device_id \(is: gone.device) AND position \(is: gone.place)
            """)
    }
}

extension LiveJob {
    /// What a change of this job is to its device; nil for a job of another kind.
    func change(
        _ status: DeviceCommand.Status, waiting: Int64 = 0, open: Int64 = 0, concernsDevice: Bool = false
    ) -> DeviceChange? {
        device.map {
            DeviceChange(
                device: $0, job: id, status: status.rawValue, waiting: waiting, open: open,
                concernsDevice: concernsDevice)
        }
    }
}
