internal import Bytes
internal import Domain
internal import Wire

/// Extends the worker's leases, all in one call; stops the jobs whose lease it can't keep.
actor LeaseExtender {
    private struct Lease {
        let job: JobID
        let timeout: Int64
        let handle: JobHandle
        /// When the last successful extension was sent; the server counts from a later moment.
        var extendedAt: Int64

        var dueAt: Int64 { extendedAt + min(timeout / 3, LeaseExtender.maxIntervalMilliseconds) }
    }

    /// The answer also reports cancelled jobs and revoked consents, which can't wait for a third of a long lease.
    private static let maxIntervalMilliseconds: Int64 = 5_000

    private let client: LeaseClient
    private let world: World
    private let offlineGrace: Int64
    private let events: @Sendable (WorkerEvent) -> Void
    private let changed = Wakeup()
    /// By claim token: a lost job may be claimed again before its first run has stopped.
    private var leases: [String: Lease] = [:]
    private var backoff = RetryDelay(maxMilliseconds: 5_000)
    private var notBefore: Int64 = 0

    init(
        client: LeaseClient, world: World, offlineGrace: Int64, events: @escaping @Sendable (WorkerEvent) -> Void
    ) {
        self.client = client
        self.world = world
        self.offlineGrace = offlineGrace
        self.events = events
    }

    /// `claimedAt`: when the claim was sent, by the monotonic clock.
    func add(_ job: ClaimedJob, claimedAt: Int64, handle: JobHandle) {
        leases[job.claimToken] = Lease(
            job: job.id, timeout: Int64(job.visibilityTimeoutMilliseconds), handle: handle, extendedAt: claimedAt)
        changed.notify()
    }

    func remove(claimToken: String) {
        leases[claimToken] = nil
    }

    /// Stops the jobs that a heartbeat's reply lists as cancelled.
    func cancel(_ jobs: [JobID]) {
        let cancelled = Set(jobs)
        for lease in leases.values where cancelled.contains(lease.job) { lease.handle.stop(.cancelled) }
    }

    func stopAll(_ reason: JobHandle.Reason) {
        for lease in leases.values { lease.handle.stop(reason) }
    }

    /// Runs until its task is cancelled.
    func run() async {
        while !Task.isCancelled {
            if leases.isEmpty {
                await changed.wait()
                continue
            }
            let now = world.monotonic()
            if now >= notBefore, leases.values.contains(where: { $0.dueAt <= now }) { await extend(at: now) }
            stopExpired()
            try? await world.sleep(.milliseconds(100))
        }
    }

    private func extend(at now: Int64) async {
        // Includes those that are due soon.
        let due = leases.filter { $0.value.dueAt <= now + $0.value.timeout / 6 }
        let batch = due.prefix(WireLimits.leasesInBatch.upperBound).map { token, lease in
            ExtendRequest(jobID: lease.job, claimToken: token, extensionMilliseconds: Int(lease.timeout))
        }
        let shortest = due.values.map(\.timeout).min() ?? 30_000
        do {
            let reply = try await client.extend(
                ExtendBatch(leases: batch), timeoutMilliseconds: min(max(shortest / 3, 2_000), 10_000))
            backoff.reset()
            let tokens = Dictionary(due.map { ($1.job, $0) }) { first, _ in first }
            for status in reply.leases {
                if let token = tokens[status.jobID] { apply(token, status.state, sentAt: now) }
            }
        } catch {
            let wait = backoff.milliseconds(in: world)
            notBefore = world.monotonic() + wait
            if !Task.isCancelled { events(.backoff(call: "extend", error: error, milliseconds: wait)) }
        }
    }

    private func apply(_ token: String, _ state: LeaseStatus.State, sentAt: Int64) {
        switch state {
        case .extended: leases[token]?.extendedAt = sentAt
        case .lost: leases.removeValue(forKey: token)?.handle.stop(.lost)
        case .cancelled: leases.removeValue(forKey: token)?.handle.stop(.cancelled)
        }
    }

    /// A job doesn't keep running indefinitely without contact to the server (PROMISES 2, T1).
    private func stopExpired() {
        let now = world.monotonic()
        for (token, lease) in leases where now > lease.extendedAt + lease.timeout + offlineGrace {
            leases.removeValue(forKey: token)?.handle.stop(.lost)
        }
    }
}
