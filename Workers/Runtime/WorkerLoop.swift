package import Bytes
internal import Wire

/// Claims jobs as slots and capacity are free, runs them at the same time, and drains when asked.
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
    private let executor: Executor
    private let client: LeaseClient
    private let keeper: LeaseKeeper
    private let world: World
    private let changed = Signal()

    private var phase = Phase.working
    private var running: [String: Running] = [:]
    private var claiming: Task<[ClaimedJob]?, Never>?
    private var faults = Backoff(firstMilliseconds: 1_000, longestMilliseconds: 60_000)
    private var notBefore: Int64 = 0

    package init(_ configuration: WorkerConfiguration, executor: Executor, world: World = .live) {
        self.configuration = configuration
        self.executor = executor
        self.world = world
        client = LeaseClient(configuration.credentials)
        keeper = LeaseKeeper(
            client: client, world: world, offlineGrace: configuration.offlineGraceMilliseconds,
            events: configuration.events)
    }

    /// Until it has drained. Cancelling its task is a drain without grace.
    package func run() async {
        // Not a child: what must be said at the end is said by tasks that aren't cancelled.
        let work = Task { await self.work() }
        await withTaskCancellationHandler {
            await work.value
        } onCancel: {
            Task { await self.stop() }
        }
    }

    /// The first call: no more claims, running jobs get the grace to end. The second: they are killed and given back.
    package func drain() {
        if phase == .working {
            phase = .draining
            configuration.events(.draining(running: running.count))
            claiming?.cancel()
        } else {
            phase = .stopping
        }
        changed.raise()
    }

    private func stop() {
        phase = .stopping
        claiming?.cancel()
        changed.raise()
    }

    private func work() async {
        let heartbeats = Heartbeats(
            client: client, credentials: configuration.credentials, keeper: keeper, world: world,
            events: configuration.events, load: { await self.load })
        let keeping = Task { [keeper] in await keeper.run() }
        let beating = Task { await heartbeats.run() }
        await open()
        var broken: ClaimRequest?
        while phase == .working { broken = await claimOnce() }
        try? await client.drain(true)
        if let broken { await giveBack(broken) }
        await finish()
        beating.cancel()
        keeping.cancel()
        await beating.value
        await keeping.value
        await client.close()
        configuration.events(.stopped)
    }

    private var load: (running: Int, slots: Int) {
        (running.count, configuration.jobsAtOnce)
    }

    // MARK: Claiming

    /// Takes back what an earlier life said when it drained.
    private func open() async {
        var backoff = Backoff()
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

    /// Returns a claim that was broken off: the server may have granted it.
    private func claimOnce() async -> ClaimRequest? {
        let free = configuration.jobsAtOnce - running.count
        let pause = notBefore - world.monotonic()
        guard free > 0, pause <= 0 else {
            if pause > 0 { wake(after: pause) }
            await changed.wait()
            return nil
        }
        let request = ClaimRequest(
            limit: min(free, WireLimits.claimed.upperBound),
            visibilityTimeoutMilliseconds: configuration.visibilityTimeoutMilliseconds,
            waitMilliseconds: configuration.claimWaitMilliseconds, kinds: configuration.kinds ?? executor.kinds,
            queues: configuration.queues, capacity: freeCapacity, requestID: Hex.encode(world.random(16)))
        let asked = world.monotonic()
        let claim = Task { await self.claim(request) }
        claiming = claim
        let jobs = await claim.value
        claiming = nil
        for job in jobs ?? [] { await start(job, claimedAt: asked) }
        return jobs == nil ? request : nil
    }

    private func wake(after milliseconds: Int64) {
        Task {
            try? await world.sleep(.milliseconds(milliseconds))
            changed.raise()
        }
    }

    /// Asks until it is answered or cancelled, always as the same request: an answer that got lost is given again.
    private func claim(_ request: ClaimRequest) async -> [ClaimedJob]? {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                return try await client.claim(request).jobs
            } catch {
                if Task.isCancelled { break }
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                configuration.events(.backoff(call: "claim", error: error, milliseconds: wait))
                try? await world.sleep(.milliseconds(wait))
            }
        }
        return nil
    }

    /// Asked again, the server tells what it granted, and that goes back.
    private func giveBack(_ request: ClaimRequest) async {
        var request = request
        request.waitMilliseconds = 0
        guard let reply = try? await client.claim(request, timeoutMilliseconds: 1_000) else { return }
        for job in reply.jobs {
            try? await client.release(job.id, ReleaseRequest(claimToken: job.claimToken, reason: "the worker drains"))
        }
    }

    // MARK: Running

    private func start(_ job: ClaimedJob, claimedAt: Int64) async {
        let used = Set(running.values.map(\.slot))
        let slot = (0..<configuration.jobsAtOnce).first { !used.contains($0) }
        guard let slot, fits(job.resources), phase == .working else {
            let request = ReleaseRequest(claimToken: job.claimToken, reason: "no room beside the other jobs")
            try? await client.release(job.id, request)
            return
        }
        let handle = JobHandle()
        running[job.claimToken] = Running(slot: slot, needs: job.resources, handle: handle)
        await keeper.hold(job, since: claimedAt, handle: handle)
        configuration.events(.claimed(job))
        let run = JobRun(
            job: job, slot: slot, handle: handle, executor: executor, client: client, world: world,
            events: configuration.events)
        handle.attach(Task { await self.ended(job, await run.run()) })
    }

    private func ended(_ job: ClaimedJob, _ ending: JobRun.Ending) async {
        await keeper.drop(claimToken: job.claimToken)
        running[job.claimToken] = nil
        switch ending {
        case .reported: faults.reset()
        case .given: break
        // The machine would only spoil the next one too.
        case .machineFault: notBefore = world.monotonic() + faults.milliseconds(in: world)
        }
        changed.raise()
    }

    /// A sum of several grants may be too much, though each was not; a machine always takes one.
    private func fits(_ needs: Capacity) -> Bool {
        let free = freeCapacity
        return running.isEmpty
            || (needs.cpuCores <= free.cpuCores + 0.001 && needs.memoryGB <= free.memoryGB + 0.001
                && needs.gpu <= free.gpu)
    }

    private var freeCapacity: Capacity {
        var free = configuration.capacity
        for job in running.values {
            free.cpuCores = max(0, free.cpuCores - job.needs.cpuCores)
            free.memoryGB = max(0, free.memoryGB - job.needs.memoryGB)
            free.gpu = max(0, free.gpu - job.needs.gpu)
        }
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
