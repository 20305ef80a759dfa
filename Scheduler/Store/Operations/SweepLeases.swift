package import Domain

/// What one round of sweeping did.
package struct Sweep: Sendable {
    package var losses = Losses()
    package var returned: Int { losses.returned }
    package var poisoned: Int { losses.poisoned }
    /// The lease that had been over the longest; nil when none was over.
    package var oldest: Int64?
    package var jobs: [JobID] = []
    /// The leases that were looked at ran out from `from` to `now`.
    package var from: Int64 = .min
    package var now: Int64 = 0
}

extension Transaction {
    /// A gap between scheduler rounds longer than this was an outage, in milliseconds.
    package static let outageAfter: Int64 = 3_000

    /// Takes back leases that ran out, the longest over first.
    package func sweep(from: Int64, _ picking: Picking) throws -> Sweep {
        try creditOutage(isRound: true)
        var sweep = Sweep()
        sweep.from = from
        sweep.now = now
        let expired = try lockExpired(from: from, picking)
        picking.note(expired.map(\.0.id.text))
        guard !expired.isEmpty else { return sweep }
        sweep.oldest = expired.first?.until
        sweep.jobs = expired.map(\.0.id)
        sweep.losses = try lose(expired.map(\.0), actor: "system", reason: nil)
        return sweep
    }

    /// An outage of ours costs nobody a lease: what ran out while no scheduler was up gets that time back, before
    /// anything is swept, and before a holder who is back earlier than the scheduler is refused (CONTRACT 4). A
    /// scheduler's round moves the clock of rounds on; others only when they give time. Returns the leases given time.
    @discardableResult
    package func creditOutage(isRound: Bool = false) throws -> Int {
        let seen = try lastRound()
        if let seen, now - seen < (isRound ? 1_000 : Self.outageAfter) { return 0 }
        guard isRound || seen != nil else { return 0 }
        guard try beginRound(seen: seen), let seen, now - seen >= Self.outageAfter else { return 0 }
        return try prolongLapsed(since: seen, by: now - seen)
    }

    /// What a lease's holder asks for; if its lease doesn't hold, once more after an outage credit. Also when that
    /// gave nothing: another transaction may have given it since the first time.
    func afterOutageCredit<T>(_ ask: () throws -> T?) throws -> T? {
        if let answer = try ask() { return answer }
        try creditOutage()
        return try ask()
    }

    /// Scheduled jobs whose time has come become pending. Returns what became ready, and when the next is due.
    /// - Parameter isKnown: as in `SubmitHints`.
    package func promote(
        limit: Int, isKnown: (ClassID, _ now: Int64) -> Bool = { _, _ in false },
        tag: (ClassID, OwnerID, _ cost: Int64) -> Int64
    ) throws -> (ready: [ClassID: (count: Int, tag: Int64)], nextDue: Int64?) {
        let due = try lockDue(limit: limit)
        guard !due.isEmpty else { return ([:], try nextDue()) }
        let classes = try classes(Set(due.map(\.classID)).sorted())
        let costs = Dictionary(classes.map { ($0.id, $0.requirement.cost) }) { first, _ in first }
        var ready: [ClassID: (count: Int, tag: Int64)] = [:]
        var tagged: [(id: JobID, tag: Int64)] = []
        for job in due {
            // What has had its turn keeps its place; what is new queues up behind its owner's other jobs.
            let place = job.fence > 0 && job.tag > 0 ? job.tag : tag(job.classID, job.owner, costs[job.classID] ?? 1)
            tagged.append((job.id, place))
            if let device = job.device {
                wake(DeviceTopic.device(device))
                continue
            }
            let before = ready[job.classID]
            ready[job.classID] = ((before?.count ?? 0) + 1, min(before?.tag ?? place, place))
        }
        // Nobody may have used the class while the job ran.
        var unused: [ClassID: OwnerID] = [:]
        for job in due where job.device == nil && !isKnown(job.classID, now) { unused[job.classID] = job.owner }
        try useClasses(unused.map { ($0.key, $0.value) })
        try makeReady(tagged.sorted { $0.id < $1.id })
        return (ready, due.count < limit ? try nextDue() : now)
    }
}
