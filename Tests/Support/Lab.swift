package import Bytes
package import Domain
package import Store
internal import Synchronization

/// A farm without edges: a database with owners, workers and jobs, and a clock to push on.
///
///     let lab = try await Lab(database)
///     let job = try await lab.submit(.compute)
///     let lease = try await lab.claim(by: "worker")
///     try await lab.finish(lease)
///
/// Its calls are the operations themselves, with hints that leave nothing out (`LabHints`), so that what a test sees is
/// what the rows say. A worker is registered, with a policy and a consent, when it is first named.
package final class Lab: Sendable {
    package static let alice = OwnerID("alice")
    package static let bob = OwnerID("bob")
    /// Who owns the workers that nobody enrolled otherwise.
    package static let farmer = OwnerID("farmer")

    package let kind: TestDatabase
    package let url: String
    package let database: Database
    package let clock: TestClock
    package let hints = LabHints()
    private let workers = Mutex<[String: LabWorker]>([:])
    private let slot: LabSlot?

    /// On a fresh database, or on the one at `url`.
    package init(
        _ kind: TestDatabase, url: String? = nil, clock: TestClock = TestClock(), settings: DatabaseSettings = .init()
    ) async throws {
        self.kind = kind
        self.clock = clock
        slot = if url == nil { await LabSlot() } else { nil }
        let address = if let url { url } else { try await kind.freshURL() }
        self.url = address
        database = try await kind.open(address, settings: settings, clock: clock)
        _ = try await database.migrate(Migration.all)
    }

    /// The same database from another process: a handle of its own, the same clock and workers.
    package func neighbour() async throws -> Lab {
        let lab = try await Lab(kind, url: url, clock: clock)
        lab.workers.withLock { $0 = workers.withLock { $0 } }
        return lab
    }

    /// The time as the database sees it.
    package var now: Int64 { clock.now }

    /// What a process in this lab takes for the world: time is the lab's, sleep is real.
    package var world: World {
        let clock = clock
        return World(
            now: { clock.now }, monotonic: { World.live.monotonic() + clock.offset }, sleep: World.live.sleep,
            random: World.live.random)
    }
}

/// A worker of a lab, and what it consented to.
package struct LabWorker: Sendable {
    package let id: MachineID
    package let owner: OwnerID
    package let policy: PolicyID
    package var consent: ConsentID?

    package var secret: [UInt8] { Array("secret of \(id)".utf8) }

    package func key(_ grant: Grant) -> LeaseKey {
        LeaseKey(job: grant.id, worker: id, tokenHash: SHA256.hex(grant.token))
    }
}

extension Lab {
    /// Registers a worker under a name.
    @discardableResult
    package func enroll(
        _ name: String, owner: OwnerID = Lab.farmer, capacity: Capacity? = nil, hourlyPrice: Int64? = 0,
        isActive: Bool = true, hasConsent: Bool = true, rules: (inout PolicyRules) -> Void = { _ in }
    ) async throws -> LabWorker {
        var wanted = PolicyRules(maxCPUPercent: 100)
        rules(&wanted)
        let allowed = wanted
        let worker = try await database.write { tx in
            let machine = try tx.registerMachine(
                owner: owner, actor: owner.text, name: name, capacity: capacity, hourlyPrice: hourlyPrice,
                tokenHash: SHA256.hex(name))
            let policy = try tx.createPolicy(
                owner: owner, actor: owner.text, rules: allowed, text: #"{"max_cpu_percent":100}"#)
            if isActive { _ = try tx.activatePolicy(policy.id, owner: owner, actor: owner.text) }
            let consent =
                isActive && hasConsent
                ? try tx.createConsent(owner: owner, actor: owner.text, worker: machine.id, policy: policy.id) : nil
            return LabWorker(id: machine.id, owner: owner, policy: policy.id, consent: consent?.id)
        }
        workers.withLock { $0[name] = worker }
        return worker
    }

    package func worker(_ name: String) async throws -> LabWorker {
        if let known = workers.withLock({ $0[name] }) { return known }
        return try await enroll(name)
    }

    /// Takes a worker's consent back.
    package func revoke(_ name: String) async throws {
        let worker = try await worker(name)
        guard let consent = worker.consent else { return }
        _ = try await database.write { try $0.revokeConsent(consent, owner: worker.owner, actor: worker.owner.text) }
        workers.withLock { $0[name]?.consent = nil }
    }

    /// Gives a worker's consent to the policy that it was enrolled with.
    package func consent(_ name: String) async throws {
        let worker = try await worker(name)
        let consent = try await database.write { tx in
            try tx.createConsent(
                owner: worker.owner, actor: worker.owner.text, worker: worker.id, policy: worker.policy)
        }
        workers.withLock { $0[name]?.consent = consent.id }
    }

    package func drain(_ name: String, _ draining: Bool = true) async throws {
        let worker = try await worker(name)
        try await database.write { try $0.drain(worker.id, owner: worker.owner, draining: draining) }
    }
}

/// The hints of a process that knows every class and serves tags in the order of submission.
package final class LabHints: Sendable {
    private struct State: Sendable {
        var needs: [ClassID: Requirement] = [:]
        var lastTag: Int64 = 0
        var services: [OwnerID: Int64] = [:]
    }

    private let state = Mutex(State())

    /// How much service an owner is said to have had.
    package func setService(of owner: OwnerID, _ amount: Int64) { state.withLock { $0.services[owner] = amount } }

    package func know(_ jobs: [NewJob]) {
        state.withLock { state in
            for job in jobs { state.needs[job.classID] = job.requirement }
        }
    }

    package var submit: SubmitHints {
        SubmitHints(isKnown: { _, _ in false }, tag: { _, _, _ in self.nextTag() })
    }

    package func nextTag() -> Int64 {
        state.withLock { state in
            state.lastTag += 1
            return state.lastTag
        }
    }

    package var claim: ClaimHints {
        ClaimHints(
            classes: { offer in
                self.state.withLock(\.needs).filter { offer.fits($0.value) }
                    .sorted { ($1.value.priority, $0.key) < ($0.value.priority, $1.key) }
                    .map { .init(id: $0.key, requirement: $0.value, priority: $0.value.priority, fromTag: .min) }
            },
            service: { owner in self.state.withLock { $0.services[owner] ?? 0 } })
    }
}
