package import Bytes
internal import Domain
internal import Wire

/// Claims jobs as slots and capacity allow, runs them concurrently, and drains on request.
package actor WorkerLoop {
    private enum Phase {
        case working, draining, stopping
    }

    private struct Running {
        let slot: Int
        let needs: Capacity
        let handle: JobHandle
    }

    private let configuration: WorkerConfiguration
    private let executor: any Executor
    private let client: LeaseClient
    private let extender: LeaseExtender
    private let journal: Journal
    private let reporter: ResultReporter
    private let claimer: Claimer
    private let fitness: Fitness
    private let shortages = Shortages()
    private let world: World
    private let changed: Wakeup

    private var phase = Phase.working
    private var running: [String: Running] = [:]
    private var claiming: Task<[ClaimedJob]?, Never>?
    private var recovering: Task<[String], Never>?
    /// Request ids of an earlier run's claims that may have been granted.
    private var unanswered: [String] = []
    private var faultDelay = RetryDelay(initialMilliseconds: 1_000, maxMilliseconds: 60_000)
    private var notBefore: Int64 = 0
    /// The server's words, once it refuses the machine's token for good.
    private var refusal: String?
    private var isWithinHours: Bool

    package init(
        _ configuration: WorkerConfiguration, executor: any Executor, journal: Journal, world: World = .live
    ) {
        self.configuration = configuration
        self.executor = executor
        self.world = world
        self.journal = journal
        isWithinHours = configuration.rules.allowsJobs(at: world.now())
        changed = Wakeup()
        fitness = Fitness(executor, world: world, changed: changed, events: configuration.events)
        client = LeaseClient(configuration.credentials)
        reporter = ResultReporter(client: client, world: world, events: configuration.events)
        claimer = Claimer(client: client, world: world, events: configuration.events)
        extender = LeaseExtender(
            client: client, world: world, offlineGrace: configuration.offlineGraceMilliseconds,
            events: configuration.events)
    }

    /// Runs until it has drained, or until the server refuses the machine's token: returns what that says, else `nil`.
    /// Cancelling its task drains without a grace period.
    @discardableResult
    package func run() async -> String? {
        client.refusals.whenRefused { words in Task { await self.stop(words) } }
        // Not a child task: the calls at the end must not be cancelled.
        let work = Task { await self.work() }
        await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            Task { await self.stop() }
        }
        return refusal
    }

    /// The first call stops claiming and gives running jobs the grace period; the second kills and releases them.
    package func drain() {
        if phase == .working {
            phase = .draining
            configuration.events(.draining(running: running.count))
        } else {
            phase = .stopping
        }
        interrupt()
    }

    private func stop(_ refusal: String? = nil) {
        self.refusal = refusal ?? self.refusal
        phase = .stopping
        interrupt()
    }

    private func interrupt() {
        claiming?.cancel()
        recovering?.cancel()
        changed.notify()
    }

    private func work() async {
        let heartbeats = Heartbeats(
            client: client, credentials: configuration.credentials, extender: extender, world: world,
            events: configuration.events, isolation: executor.isolation, load: { await self.load })
        let extending = Task { [extender] in await extender.run() }
        let heartbeating = Task { await heartbeats.run() }
        let watching = Task { await self.watchHours() }
        let reporting = Task { [reporter] in await reporter.run() }
        await undrain()
        await recover()
        var interrupted: ClaimRequest?
        while phase == .working {
            interrupted = await claimOnce()
            if phase == .working, let request = interrupted { await releaseGrants(request) }
        }
        try? await client.drain(true)
        if let interrupted { await releaseGrants(interrupted) }
        configuration.hasStoppedClaiming()
        await finish()
        for task in [watching, heartbeating, extending, reporting] {
            task.cancel()
            await task.value
        }
        await fitness.end()
        await client.close()
        journal.close()
        configuration.events(.stopped)
    }

    private var load: Heartbeats.Load {
        Heartbeats.Load(running: running.count, slots: configuration.jobsAtOnce, fault: fitness.fault)
    }

    /// Pauses the worker outside the policy's hours, if it has any.
    private func watchHours() async {
        guard configuration.rules.allowedHours != nil else { return }
        if !isWithinHours { configuration.events(.outsideHours(running: 0)) }
        while !Task.isCancelled {
            let isAllowed = configuration.rules.allowsJobs(at: world.now())
            if isAllowed != isWithinHours {
                isWithinHours = isAllowed
                configuration.events(isAllowed ? .withinHours : .outsideHours(running: running.count))
                if !isAllowed { for job in running.values { job.handle.stop(.outsideHours) } }
                interrupt()
            }
            try? await world.sleep(.seconds(1))
        }
    }

    // MARK: Claiming

    /// Clears the drain flag that an earlier run has set on the server.
    private func undrain() async {
        var backoff = RetryDelay()
        while phase == .working {
            do {
                return try await client.drain(false)
            } catch {
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                configuration.events(.backoff(call: "start", error: error, milliseconds: wait))
                wake(after: wait)
                await changed.wait()
            }
        }
    }

    /// Before the first claim: other jobs may be waiting for the unreported results of the previous run.
    private func recover() async {
        guard phase == .working else { return }
        let recovery = Recovery(
            journal: journal, client: client, reporter: reporter, world: world, events: configuration.events)
        let task = Task { await recovery.run() }
        recovering = task
        unanswered = await task.value
        recovering = nil
    }

    /// Returns the request if it was interrupted: the server may have granted it.
    private func claimOnce() async -> ClaimRequest? {
        let kinds = fitness.kinds
        guard isWithinHours, !kinds.isEmpty else {
            await changed.wait()
            return nil
        }
        let free = configuration.jobsAtOnce - running.count
        let pause = notBefore - world.monotonic()
        guard free > 0, pause <= 0 else {
            if pause > 0 { wake(after: pause) }
            await changed.wait()
            return nil
        }
        let repeated = unanswered.popLast()
        let requestID = repeated ?? Hex.encode(world.random(16))
        let request = ClaimRequest(
            limit: min(free, WireLimits.claimed.upperBound),
            visibilityTimeoutMilliseconds: configuration.visibilityTimeoutMilliseconds,
            waitMilliseconds: configuration.claimWaitMilliseconds, kinds: kinds,
            queues: configuration.queues, capacity: freeCapacity, requestID: requestID)
        journal.recordClaim(requestID)
        // Jobs granted to an earlier run have used up part of their lease: extend them at once.
        let claimedAt = world.monotonic() - (repeated == nil ? 0 : Int64(configuration.visibilityTimeoutMilliseconds))
        let claim = Task { [claimer] in await claimer.claim(request) }
        claiming = claim
        let jobs = await claim.value
        claiming = nil
        guard let jobs else { return request }
        for job in jobs {
            await TraceContext.$current.withValue(job.trace?.child(in: world)) {
                await start(job, claimedAt: claimedAt)
            }
        }
        journal.resolve(requestID)
        return nil
    }

    private func releaseGrants(_ request: ClaimRequest) async {
        if await claimer.releaseGrants(request), let id = request.requestID { journal.resolve(id) }
    }

    private func wake(after milliseconds: Int64) {
        Task {
            try? await world.sleep(.milliseconds(milliseconds))
            changed.notify()
        }
    }

    // MARK: Running

    private func start(_ job: ClaimedJob, claimedAt: Int64) async {
        journal.recordLease(job)
        let used = Set(running.values.map(\.slot))
        let slot = (0..<configuration.jobsAtOnce).first { !used.contains($0) }
        guard let slot, phase == .working, isWithinHours, fits(job.resources) else {
            return await refuse(job, "not enough free capacity beside the running jobs")
        }
        if let fault = fitness.fault(of: job.kind) { return await refuse(job, fault) }
        if let violation = configuration.rules.violation(by: job) ?? isolationShortfall(for: job) {
            // The server would grant the next one all the same.
            pause()
            return await refuse(job, violation)
        }
        let handle = JobHandle()
        running[job.claimToken] = Running(slot: slot, needs: job.resources, handle: handle)
        await extender.add(job, claimedAt: claimedAt, handle: handle)
        configuration.events(.claimed(job))
        let run = JobRun(
            job: job, slot: slot, handle: handle, executor: executor, client: client, reporter: reporter,
            journal: journal, shortages: shortages, world: world, events: configuration.events)
        handle.attach(Task { await self.ended(job, await run.run()) })
    }

    private func isolationShortfall(for job: ClaimedJob) -> String? {
        job.isolation > executor.isolation ? "this machine provides only isolation \(executor.isolation.rawValue)" : nil
    }

    private func refuse(_ job: ClaimedJob, _ reason: String) async {
        configuration.events(.released(job: job.id, reason: reason))
        try? await client.release(job.id, ReleaseRequest(claimToken: job.claimToken, reason: reason))
        journal.resolve(job.claimToken)
    }

    private func pause() {
        notBefore = world.monotonic() + faultDelay.milliseconds(in: world)
    }

    private func ended(_ job: ClaimedJob, _ ending: JobRun.Ending) async {
        await extender.remove(claimToken: job.claimToken)
        running[job.claimToken] = nil
        if case .unreported = ending {} else { journal.resolve(job.claimToken) }
        switch ending {
        case .reported: faultDelay.reset()
        case .released, .unreported: break
        case .shortage: pause()
        case .unfit(let kind, let reason):
            fitness.note(reason, of: kind)
            // What waits at the server for a job would get one that others can run.
            claiming?.cancel()
        }
        changed.notify()
    }

    /// Several grants may exceed the capacity together; a single one is always accepted.
    private func fits(_ needs: Capacity) -> Bool {
        running.isEmpty || freeCapacity.holds(needs)
    }

    private var freeCapacity: Capacity {
        var free = configuration.capacity.less(running.values.map(\.needs))
        free.isolation = executor.isolation
        return free
    }

    private func finish() async {
        let deadline = world.monotonic() + configuration.drainGraceMilliseconds
        while phase == .draining, !running.isEmpty, world.monotonic() < deadline {
            wake(after: min(100, configuration.drainGraceMilliseconds))
            await changed.wait()
        }
        for job in running.values { job.handle.stop(.shutdown) }
        while !running.isEmpty { await changed.wait() }
    }
}
