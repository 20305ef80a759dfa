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
        var updates: [[Value]] = []
        try SQL.chunked(byDevice.keys.sorted()) { chunk in
            // Several in the order of their ids, whichever order the update takes.
            if chunk.count > 1 { try lockDevices(chunk) }
            let rows = chunk.map { id in
                let mine = byDevice[id] ?? []
                return [
                    Value.text(id.text), .integer(mine.reduce(0) { $0 + $1.waiting }),
                    .integer(mine.reduce(0) { $0 + $1.open }), .integer(Int64(mine.count)),
                ]
            }
            let positions = try self.rows(
                """
                WITH changed (id, more_waiting, more_open, happened) AS (VALUES \(rows: rows))
                UPDATE devices SET waiting = waiting + changed.more_waiting,
                    open_commands = open_commands + changed.more_open,
                    last_position = last_position + changed.happened
                FROM changed WHERE devices.id = changed.id
                RETURNING devices.id, last_position
                """
            ) { row in try (DeviceID(row.text()), row.integer()) }
            for (id, last) in positions {
                let mine = byDevice[id] ?? []
                for (index, change) in mine.enumerated() {
                    updates.append([
                        .text(id.text), .integer(last - Int64(mine.count - 1 - index)),
                        .text(change.job == nil ? "device_status" : "command_update"), .text(change.job?.text),
                        .text(change.status), .integer(now),
                    ])
                }
            }
        }
        try SQL.chunked(updates) { chunk in
            try execute(
                """
                INSERT INTO device_updates (device_id, position, type, job_id, status, created_at)
                VALUES \(rows: Array(chunk))
                """)
        }
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
        ) { row in [Value.text(try row.text()), .integer(try row.integer())] }
        var gone = 0
        try SQL.chunked(places) { chunk in
            gone += try execute(
                """
                WITH gone (id, place) AS (VALUES \(rows: Array(chunk)))
                DELETE FROM device_updates WHERE (device_id, position) IN (SELECT id, place FROM gone)
                """)
        }
        return gone
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
