package import Domain

/// What became of an active device's sign of life.
package enum DeviceBeatAnswer: Sendable {
    /// It is written; so many commands wait.
    case written(waiting: Int64)
    /// Another transaction has its row, and nothing has happened.
    case taken
}

extension Transaction {
    /// Writes signs of life, one for each device. Devices that aren't active are left out. Waits for nobody.
    package func beat(_ beats: [DeviceBeat]) throws -> [DeviceID: DeviceBeatAnswer] {
        var answers: [DeviceID: DeviceBeatAnswer] = [:]
        var changes: [DeviceChange] = []
        var online: [CustomerID: Int64] = [:]
        try SQL.chunked(beats.sorted { $0.device < $1.device }) { chunk in
            let known = try lockPresence(of: ArraySlice(chunk.map(\.device)), waits: false)
            // Read after the lock: who is suspended meanwhile isn't active any more, or waits for this.
            let waiting = try waitingCommands(of: ArraySlice(chunk.map(\.device)))
            let free = Set(known.map(\.device))
            for (device, count) in waiting {
                answers[device] = free.contains(device) ? .written(waiting: count) : .taken
            }
            let active = chunk.filter { waiting[$0.device] != nil && free.contains($0.device) }
            try SQL.chunked(active) { try writeBeats($0) }
            let healths = Dictionary(active.map { ($0.device, $0.health) }) { _, last in last }
            for before in known {
                guard let health = healths[before.device], !before.isOnline || before.health != health else { continue }
                changes.append(DeviceChange(device: before.device, status: health.rawValue))
                if !before.isOnline { online[before.customer, default: 0] += 1 }
            }
        }
        try note(changes)
        try countOnline(online)
        return answers
    }

    /// Marks devices as offline that have been silent too long; returns how many.
    package func endPresence(_ picking: Picking) throws -> Int {
        let silent = try lockSilent(before: now - Device.Presence.lasts, picking)
        picking.note(silent.map(\.device.text))
        guard !silent.isEmpty else { return 0 }
        try SQL.chunked(silent.map(\.device).sorted()) { try markOffline($0) }
        try note(silent.map { DeviceChange(device: $0.device, status: "offline") })
        try countOnline(silent.reduce(into: [:]) { $0[$1.customer, default: 0] -= 1 })
        return silent.count
    }
}
