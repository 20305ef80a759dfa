package import Domain

extension Transaction {
    /// Takes a device from its customer: its tokens end, nobody finds it any more, and it can claim nothing. Its
    /// commands are cancelled and taken away by `eraseDevice`: this commit doesn't grow with what it once did.
    ///
    /// Throws `Refusal.notFound`, `.notYours`. Returns the hashes of the tokens.
    package func deleteDevice(_ id: DeviceID, of customer: CustomerID, actor: String) throws -> [String] {
        _ = try device(id, of: customer)
        guard let tokens = try disown(id, of: customer, actor: actor, unlessHeardOf: false) else {
            throw Refusal.notFound("device")
        }
        return tokens
    }

    /// Devices that never said a word and whose code ran out long ago, with their customers.
    package func unregisteredDevices(_ picking: Picking) throws -> [(device: DeviceID, customer: CustomerID)] {
        try unregisteredDevices(before: now - Device.unregisteredLasts, picking)
    }

    /// Deletes one of them, so that nobody holds ids by asking for codes; unless it has another code since.
    package func deleteUnregistered(_ id: DeviceID, of customer: CustomerID) throws {
        _ = try disown(id, of: customer, actor: "system", unlessHeardOf: true)
    }

    /// nil when it isn't there any more.
    private func disown(
        _ id: DeviceID, of customer: CustomerID, actor: String, unlessHeardOf: Bool
    ) throws -> [String]? {
        // Presence is locked before devices, and those before their customers.
        let presence = try lockPresence(of: [id]).first
        let isMoved =
            try unlessHeardOf
            ? moveUnregisteredToNobody(id, from: customer, before: now - Device.unregisteredLasts)
            : moveToNobody(id, from: customer)
        guard isMoved else { return nil }
        let tokens = try deleteTokens(of: id)
        try note([DeviceChange(device: id, status: DeviceUpdate.deleted, concernsDevice: true)])
        try deletePresence(of: id)
        if presence?.isOnline == true { try countOnline([customer: -1]) }
        try uncountDevice(of: customer)
        try record(Event(owner: customer.owner, type: .deviceDeleted, actor: actor, object: id.text))
        return tokens
    }

    /// Devices that are deleted and not erased yet, longest waiting first; nobody else is given them for a while.
    package func takeDevicesToErase(limit: Int) throws -> [DeviceID] {
        try takeDeleted(until: now + Device.erasureTakes, limit: limit)
    }

    /// Cancels commands of a deleted device and takes away what is known of it, at most `limit` rows of each kind. When
    /// nothing is left, the id is free after `Device.deletedLasts`: by then nobody believes in its tokens any more.
    package func eraseDevice(_ id: DeviceID, limit: Int) throws {
        // Sessions are locked before commands, and those before their device.
        let sessions = try deleteSessions(of: id, limit: limit)
        let commands = try firstCommands(of: id, limit: limit)
        let open = try deleteOpen(commands.sorted())
        try noticeCancelled(open.compactMap { job in job.worker.map { ($0, job.id) } })
        try end(open.map { Ended(job: $0, state: .cancelled, reason: "cancelled", outcome: nil) }, by: "system")
        try deleteCommands(commands)
        let updates = try deleteUpdates(of: id, limit: limit)
        if max(sessions, commands.count, updates) == limit { return try eraseLater(id, at: now) }
        if try !deleteErased(id, deletedBefore: now - Device.deletedLasts) {
            try eraseLater(id, at: now + Device.deletedLasts / 10)
        }
    }
}
