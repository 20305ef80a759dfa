internal import Bus
internal import Bytes
package import Domain
package import Engine
internal import Logging
package import Store
internal import Synchronization

/// A process on a lab's database, as `hatchfarm serve` is one: a broker, and the scheduler's services, which run when
/// `start` is called or round by round.
package final class LabProcess: Sendable {
    package let lab: Lab
    package let broker: JobBroker
    private let counter: LiveCounter
    private let sweeper: LeaseSweeper
    private let promoter: Promoter
    private let poller: ClassPoller
    private let classPruner: ClassPruner
    private let scheduler = Mutex<Task<Void, Never>?>(nil)

    package init(_ lab: Lab, liveJobs: Int64 = LiveLimit.standard, retention: Retention = .forEver) {
        self.lab = lab
        broker = JobBroker(
            database: lab.database, bus: LocalBus(sleep: World.live.sleep), world: lab.world,
            liveLimit: LiveLimit(liveJobs), retention: retention)
        counter = LiveCounter(broker, world: lab.world)
        sweeper = LeaseSweeper(broker)
        promoter = Promoter(broker, world: lab.world)
        poller = ClassPoller(broker)
        classPruner = ClassPruner(broker)
    }

    /// Runs the scheduler beside the test.
    package func start() {
        let scheduler = Scheduler(broker, world: lab.world, logger: Logger(label: "lab"))
        self.scheduler.withLock { $0 = Task { await scheduler.run() } }
    }

    /// Ends the long polls and the scheduler.
    package func stop() async {
        broker.bus.close()
        await scheduler.withLock { $0.take() }?.value
    }

    /// One round of each service.
    package func round() async throws {
        _ = try await sweeper.round()
        _ = try await promoter.round()
        _ = try await poller.round()
    }

    /// Sums up who has how many live jobs.
    package func count() async throws { _ = try await counter.round() }

    /// Takes away all classes that nobody uses any more.
    package func pruneClasses() async throws { while try await classPruner.round() < .seconds(1) {} }

    package func poll() async throws { _ = try await poller.round() }

    @discardableResult
    package func submit(_ jobs: [NewJob], key: IdempotencyKey? = nil) async throws -> Submission.Reply {
        try await broker.submit(Lab.submission(jobs, key: key))
    }

    package func claim(
        by name: String = "worker", upTo limit: Int = 1, wait: Duration = .zero,
        isAbandoned: @escaping @Sendable () -> Bool = { false }, claim change: (inout Claim) -> Void = { _ in }
    ) async throws -> [LabLease] {
        let worker = try await lab.worker(name)
        var claim = Lab.claim(by: worker, upTo: limit)
        change(&claim)
        let grants = try await broker.claim(claim, wait: wait, isAbandoned: isAbandoned)
        return grants.map { LabLease($0, worker) }
    }

    @discardableResult
    package func finish(_ lease: LabLease, _ status: Outcome.Status = .success) async throws -> Finished {
        try await broker.finish(Report(key: lease.key, outcome: Outcome(status: status)))
    }

    /// Claims what there is in batches, until nothing waits; returns the owners in the order in which they were served.
    package func drain(by name: String = "worker", upTo limit: Int = 1, most: Int = .max) async throws -> [OwnerID] {
        var owners: [OwnerID] = []
        while owners.count < most {
            let leases = try await claim(by: name, upTo: limit)
            if leases.isEmpty { break }
            let reports = leases.map { Report(key: $0.key, outcome: Outcome(status: .success)) }
            for result in try await broker.finish(reports) { _ = try result?.get() }
            owners += leases.map(\.owner)
        }
        return owners
    }
}
