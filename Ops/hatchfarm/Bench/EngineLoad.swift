internal import Bus
internal import Bytes
internal import Domain
internal import Engine
internal import Foundation
internal import Logging
internal import Store
internal import Synchronization

/// Runs the scenarios on the engine alone: makes the calls of the HTTP handlers in this process.
final class EngineLoad: BenchTarget {
    private struct Worker: Sendable {
        let id: MachineID
        let secret: [UInt8]
    }

    private static let owner = OwnerID("bench")
    private let settings: BenchSettings
    private let database: TemporaryDatabase
    private let store: Database
    private let broker: JobBroker
    private let workers: [Worker]
    private let scheduler: Task<Void, Never>
    private let pending = Mutex(0)

    private init(
        _ settings: BenchSettings, _ database: TemporaryDatabase, _ store: Database, _ broker: JobBroker,
        _ workers: [Worker]
    ) {
        self.settings = settings
        self.database = database
        self.store = store
        self.broker = broker
        self.workers = workers
        let scheduler = Scheduler(broker, world: .live, logger: Logger(label: "bench"))
        self.scheduler = Task { await scheduler.run() }
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> EngineLoad {
        let store = try await Database.open(database.url)
        _ = try await store.migrate(Migration.all)
        let broker = JobBroker(database: store, bus: LocalBus(sleep: World.live.sleep), world: .live)
        let workers = try await store.write { tx in
            var rules = PolicyRules(maxCPUPercent: 100)
            rules.isolation = Isolation.none
            let policy = try tx.createPolicy(
                owner: owner, actor: owner.text, rules: rules, text: #"{"max_cpu_percent":100}"#)
            _ = try tx.activatePolicy(policy.id, owner: owner, actor: owner.text)
            return try (0..<settings.connections).map { number in
                let machine = try tx.registerMachine(
                    owner: owner, actor: owner.text, name: "bench-\(number)", capacity: nil, hourlyPrice: 0,
                    tokenHash: SHA256.hex("bench-\(number)"))
                _ = try tx.createConsent(owner: owner, actor: owner.text, worker: machine.id, policy: policy.id)
                return Worker(id: machine.id, secret: Array("bench-\(number)".utf8))
            }
        }
        return EngineLoad(settings, database, store, broker, workers)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        switch scenario {
        case .submit: try await submitRound("submit", batch: 1)
        case .submitBatch: try await submitRound("submit-batch", batch: BenchSettings.batch)
        case .claimFinish: try await drainRound("claim-finish", backlog: settings.backlog(scenario), isSingle: false)
        case .claimFinishSingle:
            try await drainRound("claim-finish-single", backlog: settings.backlog(scenario), isSingle: true)
        case .pickup: try await pickupRound()
        case .claimDepth, .daemon, .money, .bounties, .feeds, .sockets, .inkling, .heartbeats, .writes, .all: []
        }
    }

    func fill(to depth: Int) async throws {
        let missing = pending.withLock { pending in
            defer { pending = max(pending, depth) }
            return depth - pending
        }
        try await preload(missing)
    }

    func claimLatencies() async throws -> [UInt64] {
        guard let worker = workers.first else { return [] }
        var latencies: [UInt64] = []
        for round in 0..<BenchSettings.depthSamples + 50 {
            let start = Ticks.now()
            let grants = try await claim(worker, BenchSettings.depthClaim)
            if round >= 50 { latencies.append(Ticks.now() - start) }
            guard grants.count == BenchSettings.depthClaim else {
                throw Failure.unexpected("a claim of \(BenchSettings.depthClaim) got \(grants.count) jobs")
            }
            try await finish(worker, grants)
            try await submit(BenchSettings.depthClaim)
        }
        return latencies
    }

    func close() async {
        broker.bus.close()
        await scheduler.value
        await store.close()
        await database.remove()
    }

    func abort() {
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}

extension EngineLoad {
    private func submitRound(_ name: String, batch: Int) async throws -> [Reading] {
        let start = Ticks.now()
        let end = start + UInt64(settings.seconds) * 1_000_000_000
        let sum = try await runClients { _ in
            var tally = Tally()
            var now = Ticks.now()
            while now < end {
                try await self.submit(batch)
                let after = Ticks.now()
                tally.latencies.append(after - now)
                tally.jobs += batch
                now = after
            }
            return tally
        }
        return [.rate(name, sum.jobs, Ticks.now() - start)] + Reading.latencies(name, sum.latencies)
    }

    private func drainRound(_ name: String, backlog: Int, isSingle: Bool) async throws -> [Reading] {
        try await preload(backlog)
        let left = Remaining(backlog)
        let start = Ticks.now()
        let sum = try await runClients { worker in
            var tally = Tally()
            while left.count > 0 {
                let grants = try await self.claim(worker, BenchSettings.batch)
                guard !grants.isEmpty else {
                    try left.checkProgress()
                    try await World.live.sleep(.milliseconds(1))
                    continue
                }
                if isSingle {
                    for grant in grants { _ = try await self.broker.finish(Self.report(worker, grant)) }
                } else {
                    try await self.finish(worker, grants)
                }
                tally.jobs += grants.count
                left.take(grants.count)
            }
            return tally
        }
        return [.rate(name, sum.jobs, Ticks.now() - start)]
    }

    /// One task submits, one waits: measures the engine's own latency.
    private func pickupRound() async throws -> [Reading] {
        guard let worker = workers.first else { return [] }
        var latencies: [UInt64] = []
        let end = Ticks.now() + UInt64(settings.seconds) * 1_000_000_000
        while Ticks.now() < end {
            async let arrival = waitForOne(worker)
            // Let the claim start waiting.
            try await World.live.sleep(.milliseconds(3))
            let start = Ticks.now()
            try await submit(1)
            let (time, grants) = try await arrival
            latencies.append(time > start ? time - start : 0)
            try await finish(worker, grants)
        }
        return Reading.latencies("pickup", latencies)
    }

    private func waitForOne(_ worker: Worker) async throws -> (UInt64, [Grant]) {
        let grants = try await claim(worker, 1, wait: .seconds(10))
        guard !grants.isEmpty else { throw Failure.unexpected("a job was not picked up within 10 s") }
        return (Ticks.now(), grants)
    }

    private func preload(_ count: Int) async throws {
        let left = Remaining(max(0, count))
        _ = try await runClients { _ in
            while true {
                let taken = left.take(1_000)
                guard taken > 0 else { return Tally() }
                try await self.submit(taken)
            }
        }
    }

    private func submit(_ count: Int) async throws {
        let job = NewJob(
            owner: Self.owner, title: "bench", requirement: Requirement(kind: .compute),
            spec: #"{"command":["true"]}"#)
        _ = try await broker.submit(
            Submission(jobs: Array(repeating: job, count: count), idempotency: nil) { _, _ in
                StoredAnswer(status: 201, body: "")
            })
    }

    private func claim(_ worker: Worker, _ limit: Int, wait: Duration = .zero) async throws -> [Grant] {
        let offer = Offer(worker: worker.id.text, owner: Self.owner.text, kinds: [.compute])
        return try await broker.claim(
            Claim(
                offer: offer, limit: limit, visibilityTimeout: nil, requestID: Hex.encode(World.live.random(8)),
                isRepeatable: false, secret: worker.secret),
            wait: wait)
    }

    private func finish(_ worker: Worker, _ grants: [Grant]) async throws {
        for result in try await broker.finish(grants.map { Self.report(worker, $0) }) { _ = try result?.get() }
    }

    private static func report(_ worker: Worker, _ grant: Grant) -> Report {
        Report(
            key: LeaseKey(job: grant.id, worker: worker.id, tokenHash: SHA256.hex(grant.token)),
            outcome: Outcome(status: .success, exitCode: 0, durationMilliseconds: 1))
    }

    private func runClients(_ body: @escaping @Sendable (Worker) async throws -> Tally) async throws -> Tally {
        try await withThrowingTaskGroup(of: Tally.self) { group in
            for worker in workers { group.addTask { try await body(worker) } }
            var tallies: [Tally] = []
            for try await tally in group { tallies.append(tally) }
            return Tally.sum(tallies)
        }
    }
}
