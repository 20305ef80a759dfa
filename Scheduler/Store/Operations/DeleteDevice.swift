package import Domain

extension Transaction {
    /// Takes a device from its customer: its tokens end, and nobody finds it any more. Its commands are cancelled and
    /// taken away by `eraseDevices`, and then the id is free: this commit doesn't grow with what it once did.
    ///
    /// Throws `Refusal.notFound`, `.notYours`. Returns the hashes of the tokens.
    package func deleteDevice(_ id: DeviceID, of customer: CustomerID, actor: String) throws -> [String] {
        _ = try device(id, of: customer)
        return try disown(id, of: customer, actor: actor)
    }

    /// Deletes devices that never said a word and whose code ran out long ago, so that nobody holds ids by asking for
    /// codes; returns how many.
    package func deleteUnregisteredDevices(limit: Int) throws -> Int {
        let found = try unregisteredDevices(before: now - Device.unregisteredLasts, limit: limit)
        for (id, customer) in found { _ = try disown(id, of: customer, actor: "system") }
        return found.count
    }

    private func disown(_ id: DeviceID, of customer: CustomerID, actor: String) throws -> [String] {
        // As for a suspension: presence is locked before live jobs, and those before their device.
        let presence = try lockPresence(of: [id]).first
        try recall(from: id.machine, actor: actor)
        guard try moveToNobody(id, from: customer) else { return [] }
        let tokens = try deleteTokens(of: id)
        // What was claimed until the device was locked.
        try recall(from: id.machine, actor: actor)
        try note([DeviceChange(device: id, status: DeviceUpdate.deleted, concernsDevice: true)])
        try deletePresence(of: id)
        if presence?.isOnline == true { try countOnline([customer: -1]) }
        try uncountDevice(of: customer)
        try record(Event(owner: customer.owner, type: .deviceDeleted, actor: actor, object: id.text))
        return tokens
    }

    /// Cancels the commands of deleted devices and takes away what is known of them, about `limit` rows; returns
    /// whether there may be more.
    package func eraseDevices(limit: Int) throws -> Bool {
        let ids = try deletedDevices(limit: limit)
        var left = limit
        for id in ids where left > 0 {
            let limit = left
            let commands = try firstCommands(of: id, limit: limit)
            let open = try deleteOpen(commands.sorted())
            try end(
                open.map { Ended(job: $0, state: .cancelled, reason: "cancelled", outcome: nil) }, by: "system")
            try deleteCommands(commands)
            let updates = try deleteUpdates(of: id, limit: limit)
            let sessions = try deleteSessions(of: id, limit: limit)
            left -= commands.count + updates + sessions + 1
            guard commands.count < limit, updates < limit, sessions < limit else { continue }
            try deleteDeletedDevice(id)
        }
        return !ids.isEmpty
    }
}
