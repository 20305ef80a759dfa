package import Domain

extension Transaction {
    /// A device asks to be baptized; once is enough.
    package func requestBaptism(of key: InklingKey, message: String?) throws -> Baptism {
        _ = try lockBaptisms(of: [key])
        try requestBaptism(of: key, id: newUUID(), message: message)
        return try baptism(of: key)
    }

    /// A verified device vouches for another. Repeated, it has no effect: false.
    ///
    /// Throws `Refusal.notVerified`, `.notFound`, `.invalid` for oneself, `.wrongState` at the limit.
    package func endorse(
        _ target: InklingKey, by endorser: InklingKey, message: String?
    ) throws -> (baptism: Baptism, isNew: Bool) {
        try checkTarget(target, of: endorser, "You can't endorse yourself")
        let both = try lockBaptisms(of: [target, endorser])
        guard let own = both[endorser], own.isVerified else { throw Refusal.notVerified("endorse others") }
        guard let before = both[target] else { throw Refusal.notFound("device") }
        let id = newUUID()
        let isNew = try insertEndorsement(id: id, of: target, by: endorser, level: own.level, message: message)
        guard isNew else { return (before, false) }
        guard before.endorsements < Baptism.limit else {
            throw Refusal.wrongState("A device may have \(Baptism.limit) endorsements")
        }
        let after = before.adding(1, ofLevel: own.level)
        try updateBaptism(after, of: target)
        return (after, true)
    }

    /// A device takes its endorsement of another back. False when there was none.
    ///
    /// Throws `Refusal.notFound`, `.invalid` for oneself.
    package func revokeEndorsement(
        of target: InklingKey, by endorser: InklingKey
    ) throws -> (baptism: Baptism, isNew: Bool) {
        try checkTarget(target, of: endorser, "You can't endorse yourself")
        guard let before = try lockBaptisms(of: [target])[target] else { throw Refusal.notFound("device") }
        guard let level = try deleteEndorsement(of: target, by: endorser) else { return (before, false) }
        let after = before.adding(-1, ofLevel: level)
        try updateBaptism(after, of: target)
        return (after, true)
    }

    private func checkTarget(_ target: InklingKey, of endorser: InklingKey, _ message: String) throws {
        guard target != endorser else { throw Refusal.invalid(field: "target_public_key", message: message) }
        _ = try knownInkling(target)
    }

    // MARK: The operator

    /// Verifies a device for good.
    ///
    /// Throws `Refusal.notFound`.
    package func bless(_ key: InklingKey, actor: String) throws -> (Inkling, Baptism) {
        let inkling = try knownInkling(key)
        return (inkling, try blessKnown(key, actor: actor))
    }

    /// Registers and verifies the devices that the operator has configured.
    package func blessGenesis(_ keys: [InklingKey]) throws {
        for key in Set(keys).sorted() {
            let inkling = Inkling(
                key: key, id: newUUID(), name: Inkling.firstName,
                hardwareHash: nil, isBanned: false, parent: nil, generation: 0, traits: nil, children: 0,
                createdAt: now)
            _ = try insertInkling(inkling)
            _ = try blessKnown(key, actor: "operator")
        }
    }

    private func blessKnown(_ key: InklingKey, actor: String) throws -> Baptism {
        var baptism = try lockBaptisms(of: [key])[key] ?? Baptism()
        guard !baptism.isBlessed else { return baptism }
        (baptism.isBlessed, baptism.isVerified) = (true, true)
        try updateBaptism(baptism, of: key)
        try record(Event(owner: key.owner, type: .inklingBlessed, actor: actor, object: key.text))
        return baptism
    }
}
