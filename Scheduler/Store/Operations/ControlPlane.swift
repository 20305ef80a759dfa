internal import Bytes
package import Domain

extension Transaction {
    /// Registers a provider's machine. The token is shown once and stored as a hash. `hourlyPrice` in minor units of
    /// USDT; nil asks the market's price.
    package func registerMachine(
        owner: OwnerID, actor: String, name: String, capacity: Capacity?, hourlyPrice: Int64?, tokenHash: String
    ) throws -> Machine {
        try takeMachine(of: owner)
        let machine = Machine(
            id: .random(prefix: "wrk_", using: &random), owner: owner, name: name, createdAt: now,
            capacity: capacity, hourlyPrice: hourlyPrice)
        try insertMachine(machine, tokenHash: tokenHash)
        try record(
            Event(
                owner: owner, type: .machineRegistered, actor: actor, object: machine.id.text,
                metadata: JSON.object([.init("name", .string(name))]).text(.compact)))
        return machine
    }

    /// Takes a machine away, by its owner's will: its token holds no more. Refuses one that has jobs (409).
    package func deleteMachine(_ id: MachineID, owner: OwnerID, actor: String) throws {
        guard try lockMachine(id) == owner else { throw Refusal.notFound("machine") }
        guard try !holdsLease(id) else {
            throw Refusal.wrongState("the machine has jobs; delete it when its daemon has drained")
        }
        try deleteMachine(id, of: owner)
        try record(Event(owner: owner, type: .machineDeleted, actor: actor, object: id.text))
    }

    /// Creates a policy draft: version = the owner's highest + 1 (CONTRACT 5).
    package func createPolicy(owner: OwnerID, actor: String, rules: PolicyRules, text: String) throws -> Policy {
        let id = PolicyID.random(prefix: "pol_", using: &random)
        // Two drafts of one owner at the same moment want the same version: one of them asks again.
        for _ in 0..<16 {
            guard let version = try insertPolicy(id, owner: owner, rules: rules, text: text) else { continue }
            try record(
                Event(
                    owner: owner, type: .policyCreated, actor: actor, object: id.text,
                    metadata: "{\"version\":\(version)}"))
            return Policy(
                id: id, owner: owner, version: version, isActive: false, rules: text, createdAt: now, activatedAt: nil)
        }
        throw DatabaseError.busy("policies of \(owner) are being created faster than versions can be given")
    }

    /// Draft → active. Activating an active one again changes nothing.
    package func activatePolicy(_ id: PolicyID, owner: OwnerID, actor: String) throws -> Policy {
        guard var policy = try policy(id) else { throw Refusal.notFound("policy") }
        guard policy.owner == owner else { throw Refusal.notYours("policy") }
        guard try activatePolicy(id, owner: owner) else { return policy }
        policy.isActive = true
        policy.activatedAt = now
        try record(Event(owner: owner, type: .policyActivated, actor: actor, object: id.text))
        return policy
    }

    /// Binds a machine to an active policy of the same owner; anything else is 400 (CONTRACT 5). A consent that stands
    /// already is returned: two of them would outlive the revoking of one.
    package func createConsent(owner: OwnerID, actor: String, worker: MachineID, policy: PolicyID) throws -> Consent {
        guard try lockMachine(worker) == owner else {
            throw Refusal.invalid(field: "worker_id", message: "no machine \(worker) of yours")
        }
        guard let bound = try self.policy(policy), bound.owner == owner else {
            throw Refusal.invalid(field: "policy_id", message: "no policy \(policy) of yours")
        }
        guard bound.isActive else {
            throw Refusal.invalid(field: "policy_id", message: "policy \(policy) is a draft; activate it first")
        }
        if let standing = try standingConsent(worker, policy: policy) { return standing }
        let consent = Consent(
            id: .random(prefix: "con_", using: &random), owner: owner, worker: worker, policy: policy,
            createdAt: now, revokedAt: nil)
        try insertConsent(consent)
        try record(
            Event(
                owner: owner, type: .consentCreated, actor: actor, object: consent.id.text,
                metadata: JSON.object([
                    .init("worker_id", .string(worker.text)), .init("policy_id", .string(policy.text)),
                ]).text(.compact)))
        return consent
    }

    /// Ends a consent: no further claim or heartbeat under it, and running jobs are told to stop (CONTRACT 5).
    package func revokeConsent(_ id: ConsentID, owner: OwnerID, actor: String) throws -> Consent {
        guard var consent = try consent(id) else { throw Refusal.notFound("consent") }
        guard consent.owner == owner else { throw Refusal.notYours("consent") }
        guard try revokeConsent(id) else { return consent }
        consent.revokedAt = now
        if try !hasConsent(consent.worker) { try recall(from: consent.worker, actor: actor) }
        try record(Event(owner: owner, type: .consentRevoked, actor: actor, object: id.text))
        return consent
    }
}
