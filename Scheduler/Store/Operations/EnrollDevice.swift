package import Domain

extension Transaction {
    /// Provisions a device for a customer; one of its own that never registered, or is suspended, gets another code and
    /// begins anew.
    ///
    /// Throws `Refusal.taken` for another's or a registered one, `.wrongState` beyond `Device.limit`.
    /// - Parameter codeHash: SHA-256 hex of the activation code.
    package func provisionDevice(
        _ id: DeviceID, of customer: CustomerID, name: String?, location: String?, codeHash: String
    ) throws -> Int64 {
        if try insertDevice(id, of: customer, name: name ?? id.text, location: location, codeHash: codeHash) {
            guard try countDevice(of: customer) else {
                throw Refusal.wrongState("a customer may have \(Device.limit) devices")
            }
            try insertPresence(id, of: customer)
        } else {
            guard try renewCode(id, of: customer, name: name, location: location, codeHash: codeHash) else {
                if try isDeleted(id) {
                    throw Refusal.wrongState(
                        "this deviceId was deleted; it is free again 10 minutes after that, or when the last of its "
                            + "commands is gone")
                }
                throw Refusal.taken(field: "deviceId")
            }
        }
        try record(event(.deviceProvisioned, id, customer, actor: customer.text))
        return now + Device.activationLasts
    }

    /// Activates a device by its code, once. nil when the code is wrong or too old.
    ///
    /// Throws `Refusal.notFound`, `.wrongState` for one that is registered.
    package func registerDevice(
        _ id: DeviceID, codeHash: String, secretHash: String, model: String?, location: String?
    ) throws -> Device? {
        let isActivated = try activate(
            id, codeHash: codeHash, secretHash: secretHash, model: model, location: location)
        guard let device = try device(id) else { throw Refusal.notFound("device") }
        guard isActivated else {
            guard device.state == .provisioned else { throw Refusal.wrongState("this device is already registered") }
            return nil
        }
        try note([DeviceChange(device: id, status: device.status)])
        try record(event(.deviceRegistered, id, device.customer, actor: id.machine.text))
        return device
    }

    /// Gives an active device another session token; its oldest ones end beyond `Device.maxTokens`. False when the
    /// device isn't active.
    /// - Parameter hash: SHA-256 hex of the token.
    package func openDeviceToken(_ hash: String, for id: DeviceID) throws -> Bool {
        // Locked, so that two at once don't both keep the most.
        guard let device = try lockDevice(id), device.state == .active else { return false }
        try insertToken(hash, of: id)
        try deleteOldTokens(of: id, newest: hash)
        return true
    }

    /// Tokens in use last from now on as long as new ones.
    package func prolongDeviceTokens(_ hashes: [String]) throws { try prolongTokens(hashes) }

    /// Changes what a customer calls and configures its device.
    package func changeDevice(
        _ id: DeviceID, of customer: CustomerID, actor: String, _ change: (inout Device) -> Void
    ) throws -> Device {
        guard var device = try lockDevice(id) else { throw Refusal.notFound("device") }
        guard device.customer == customer else { throw Refusal.notYours("device") }
        let before = device
        change(&device)
        guard device != before else { return device }
        try updateDevice(device)
        if device.config != before.config { wake(DeviceTopic.device(id)) }
        try record(event(.deviceChanged, id, customer, actor: actor))
        return device
    }

    /// A suspended device's tokens end, and it can claim nothing; `recall` takes back what it holds. Returns the hashes
    /// of the tokens too.
    package func suspendDevice(
        _ id: DeviceID, of customer: CustomerID, actor: String
    ) throws -> (device: Device, tokens: [String]) {
        guard try mayMove(id, of: customer, from: .active, to: .suspended) else {
            return (try device(id, of: customer), [])
        }
        // Presence is locked before its device.
        let presence = try lockPresence(of: [id]).first
        guard try moveDevice(id, of: customer, from: .active, to: .suspended) else {
            return (try device(id, of: customer), [])
        }
        let tokens = try deleteTokens(of: id)
        if presence?.isOnline == true {
            try markOffline([id])
            try countOnline([customer: -1])
        }
        return (try moved(id, of: customer, .deviceSuspended, actor: actor), tokens)
    }

    /// Takes back leases of a device that is suspended, at most `limit`; returns how many. Apart from the suspension,
    /// whose commit doesn't grow with what the device holds.
    package func recall(from id: DeviceID, limit: Int, actor: String) throws -> Int {
        guard try device(id)?.state == .suspended else { return 0 }
        return try recall(from: id.machine, actor: actor, limit: limit)
    }

    package func resumeDevice(_ id: DeviceID, of customer: CustomerID, actor: String) throws -> Device {
        guard try mayMove(id, of: customer, from: .suspended, to: .active),
            try moveDevice(id, of: customer, from: .suspended, to: .active)
        else { return try device(id, of: customer) }
        return try moved(id, of: customer, .deviceResumed, actor: actor)
    }

    /// False when the device is there already. Throws `Refusal.notFound`, `.notYours`, `.wrongState`, before anything
    /// is locked.
    private func mayMove(
        _ id: DeviceID, of customer: CustomerID, from: Device.State, to state: Device.State
    ) throws -> Bool {
        let device = try device(id, of: customer)
        if device.state == state { return false }
        guard device.state == from else {
            throw Refusal.wrongState("the device is \(device.state.rawValue), not \(from.rawValue)")
        }
        return true
    }

    private func moved(_ id: DeviceID, of customer: CustomerID, _ type: EventType, actor: String) throws -> Device {
        let device = try device(id, of: customer)
        try note([DeviceChange(device: id, status: device.status, concernsDevice: true)])
        try record(event(type, id, customer, actor: actor))
        return device
    }

    private func event(_ type: EventType, _ id: DeviceID, _ customer: CustomerID, actor: String) -> Event {
        Event(owner: customer.owner, type: type, actor: actor, object: id.text)
    }
}
