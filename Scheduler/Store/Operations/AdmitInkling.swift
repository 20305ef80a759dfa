package import Domain

extension Transaction {
    /// Lets a signed call in, once: its time, its message, its nonce, its device. An unknown device is registered.
    ///
    /// Throws `Refusal.clockSkew`, `.nonceSeen`, `.nonceInvalid`, `.badSignature` for another hardware hash, `.banned`,
    /// and `.limitReached` when too many were registered from the address.
    /// - Parameter registrations: how many devices one address may register in a day.
    package func admit(_ call: SignedCall, registrations: Int64) throws -> InklingEntry {
        let skew = call.signedAt - now
        guard skew.magnitude <= Inkling.window.magnitude else { throw Refusal.clockSkew(milliseconds: skew) }
        let end = max(call.signedAt, now) + Inkling.window + Inkling.memory
        guard try spendNonce(call.digest, scope: InklingScope.messages, expiresAt: end) else {
            throw Refusal.nonceSeen
        }
        if let nonce = call.nonce {
            guard try takeNonce(nonce, scope: InklingScope.nonces) else { throw Refusal.nonceInvalid }
        }
        guard let inkling = try lockInkling(call.key) else {
            return try register(call.key, hardwareHash: call.hardwareHash, from: call.address, registrations)
        }
        if inkling.hardwareHash == nil {
            guard try setHardwareHash(call.hardwareHash, of: call.key) else { throw Refusal.badSignature }
        } else {
            guard inkling.hardwareHash == call.hardwareHash else { throw Refusal.badSignature }
        }
        guard !inkling.isBanned else { throw Refusal.banned }
        return inkling.hardwareHash == nil ? .bound : .known
    }

    /// Undoes what a call made of its device, when the device has done nothing else and nobody has done anything to it.
    func leave(_ call: SignedCall, entry: InklingEntry, day: Int64) throws {
        switch entry {
        case .known: break
        case .bound: try forgetHardwareHash(of: call.key)
        case .registered:
            guard try deleteUnusedInkling(call.key) else { return }
            try correctDailyCount(Self.registrations(.max), call.address, day: day, by: -1)
        }
    }

    /// How many devices one address may register in a day.
    private static func registrations(_ most: Int64) -> DailyQuota { DailyQuota(name: "inkling_devices", limit: most) }

    /// Gives out a nonce for one signed call.
    package func openNonce(_ nonce: String) throws {
        _ = try spendNonce(nonce, scope: InklingScope.nonces, expiresAt: now + Inkling.nonceLasts)
    }

    /// A new device under its first name. One that another call registered meanwhile is as good.
    private func register(
        _ key: InklingKey, hardwareHash: String, from address: String, _ registrations: Int64
    ) throws -> InklingEntry {
        let inkling = Inkling(
            key: key, id: newUUID(), name: Inkling.firstName,
            hardwareHash: hardwareHash, isBanned: false, parent: nil, generation: 0, traits: nil, children: 0,
            createdAt: now)
        if try insertInkling(inkling) {
            try countRegistration(from: address, registrations)
            return .registered
        }
        guard let known = try lockInkling(key) else { throw Refusal.notFound("device") }
        guard known.hardwareHash == hardwareHash else { throw Refusal.badSignature }
        guard !known.isBanned else { throw Refusal.banned }
        return .known
    }

    private func countRegistration(from address: String, _ most: Int64) throws {
        _ = try takeDaily(Self.registrations(most), by: address)
    }

    /// A parent states who its child is. An unknown child is registered.
    ///
    /// Throws `Refusal.invalid`, `.wrongState`, `.notAllowed`, `.limitReached`.
    package func registerBirth(
        _ certificate: BirthCertificate, by parent: InklingKey, from address: String, registrations: Int64
    ) throws -> (child: Inkling, parent: Inkling) {
        guard certificate.child != parent else { throw Refusal.wrongState("A device can't be its own parent") }
        guard let mother = try lockInkling(parent) else { throw Refusal.notFound("device") }
        guard let number = try countChild(of: parent) else {
            throw Refusal.wrongState("A device may have \(Inkling.childLimit) children")
        }
        let child = Inkling(
            key: certificate.child, id: newUUID(), name: certificate.name,
            hardwareHash: certificate.hardwareHash, isBanned: false, parent: parent,
            generation: mother.generation + 1, traits: certificate.traits, children: 0, createdAt: now)
        if try insertInkling(child, childNumber: number) {
            try countRegistration(from: address, registrations)
            return (child, mother)
        }
        let known = try knownInkling(certificate.child)
        guard known.parent == nil else { throw Refusal.wrongState("This device already has a parent") }
        guard known.children == 0 else {
            throw Refusal.wrongState("A device that has children can't be given a parent")
        }
        // Nobody gives a name to a stranger's device.
        guard known.hardwareHash.map({ $0 == certificate.hardwareHash }) ?? false else {
            throw Refusal.notAllowed("The child's hardware hash is another")
        }
        guard try adopt(certificate, by: mother, number: number) else {
            throw Refusal.wrongState("This device already has a parent or children")
        }
        return (try knownInkling(certificate.child), mother)
    }

    // MARK: The operator

    /// Bans a device, or lets it in again; its sockets are told.
    ///
    /// Throws `Refusal.notFound`.
    package func ban(_ isBanned: Bool, _ key: InklingKey, actor: String) throws -> (Inkling, Baptism) {
        guard let inkling = try lockInkling(key) else { throw Refusal.notFound("device") }
        if inkling.isBanned != isBanned {
            _ = try setBanned(isBanned, key)
            wake(InklingTopic.mail(key))
            try record(
                Event(
                    owner: key.owner, type: isBanned ? .inklingBanned : .inklingUnbanned, actor: actor,
                    object: key.text))
        }
        return (try knownInkling(key), try baptism(of: key))
    }
}

/// The scopes of nonces.
enum InklingScope {
    /// Messages that were accepted.
    static let messages = "inkling"
    /// Nonces that were given out and not used.
    static let nonces = "inkling_nonce"
}
