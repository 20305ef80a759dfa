import Bytes
import Domain
import Runtime
import Support
import Synchronization
import Wire

/// Runs what a test says.
struct Scripted: Executor {
    let kinds = [Kind.compute]
    let isolation = Isolation.sandbox
    let script: @Sendable (ClaimedJob, JobContext) async throws -> ExecutionResult
    let trial: @Sendable () -> String?

    init(
        trial: @escaping @Sendable () -> String? = { nil },
        run script: @escaping @Sendable (ClaimedJob, JobContext) async throws -> ExecutionResult
    ) {
        self.script = script
        self.trial = trial
    }

    func run(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
        try await script(job, context)
    }

    func fault(of kind: Kind) async -> String? { trial() }
}

/// A worker that works for a fake farm, and what it says of it.
final class Bench: Sendable {
    let farm: FakeFarm
    let loop: WorkerLoop
    private let spoken: Spoken
    private let running: Task<String?, Never>

    private final class Spoken: Sendable {
        let events = Mutex<[WorkerEvent]>([])
    }

    init(
        _ farm: FakeFarm, slots: Int = 2, capacity: Capacity = Capacity(cpuCores: 4, memoryGB: 4),
        rules: PolicyRules = PolicyRules(maxCPUPercent: 100), visibility: Int = 60_000, offlineGrace: Int64 = 300_000,
        drainGrace: Int64 = 5_000, state: String = Scratch.path("journal"), world: World = .live,
        trial: @escaping @Sendable () -> String? = { nil },
        run: @escaping @Sendable (ClaimedJob, JobContext) async throws -> ExecutionResult
    ) throws {
        let spoken = Spoken()
        let configuration = WorkerConfiguration(
            credentials: farm.credentials, capacity: capacity, rules: rules, jobsAtOnce: slots,
            claimWaitMilliseconds: 300, visibilityTimeoutMilliseconds: visibility,
            offlineGraceMilliseconds: offlineGrace, drainGraceMilliseconds: drainGrace,
            events: { event in spoken.events.withLock { $0.append(event) } })
        let executor = Scripted(trial: trial, run: run)
        let journal = try Journal(in: state, workerID: farm.credentials.workerID, world: world)
        let loop = WorkerLoop(configuration, executor: executor, journal: journal, world: world)
        self.farm = farm
        self.loop = loop
        self.spoken = spoken
        running = Task { await loop.run() }
    }

    func count(_ matches: (WorkerEvent) -> Bool) -> Int {
        spoken.events.withLock { $0.count(where: matches) }
    }

    var claimed: Int { count { if case .claimed = $0 { true } else { false } } }
    var lost: Int { count { if case .lost = $0 { true } else { false } } }
    var cancelled: Int { count { if case .cancelled = $0 { true } else { false } } }
    var finished: Int { count { if case .finished = $0 { true } else { false } } }
    var released: Int { count { if case .released = $0 { true } else { false } } }
    func backoffs(of call: String) -> Int { count { if case .backoff(call, _, _) = $0 { true } else { false } } }

    /// Drains and waits for the end.
    func end() async {
        await loop.drain()
        _ = await running.value
        farm.stop()
    }

    /// Waits for an end that was asked for, or for the server's refusal.
    @discardableResult
    func ended() async -> String? {
        await running.value
    }

    func cancel() {
        running.cancel()
    }
}

extension ClaimedJob {
    static func sample(_ id: JobID, visibility: Int = 60_000, needs: Capacity = Capacity()) -> ClaimedJob {
        let now = World.live.now()
        return ClaimedJob(
            id: id, claimToken: "token-\(id)", visibleUntil: now + Int64(visibility),
            visibilityTimeoutMilliseconds: visibility, leaseEnds: now + 43_200_000, title: id.text, command: ["true"],
            resources: needs)
    }
}

/// The next number, from 1.
func counted(_ counter: borrowing Mutex<Int>) -> Int {
    counter.withLock { count in
        count += 1
        return count
    }
}

/// Runs until it is stopped.
@Sendable func forever(_ job: ClaimedJob, _ context: JobContext) async throws -> ExecutionResult {
    try await World.live.sleep(.seconds(3_600))
    return ExecutionResult(.success)
}
