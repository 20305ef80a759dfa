internal import Bytes
package import Domain

/// What a retry with dependents brings back: the jobs that were cancelled because the retried one had come to nothing.
package enum Revival {
    /// The topic on the bus that says that there is something to do.
    package static let topic = "reviver"
    /// How many dependents one commit looks at. A retry takes so many along; the rest, and what waits for them in turn,
    /// follows in bites.
    package static let bite = 250
    /// How many jobs that live again one bite looks at.
    package static let jobsPerBite = 50
    /// How long those wait that are still being cancelled, or whose owner has no room for more jobs; in milliseconds.
    static let pause: Int64 = 500
}

/// What one bite did.
package struct RevivalBite: Sendable {
    /// Whether there may be more to do at once.
    package var isMore = false
    /// Whether some wait for nothing, and may run.
    package var isReady = false
    /// Those that live again.
    package var revived: [JobID] = []
}

extension Transaction {
    /// Brings back some of those that were cancelled with jobs that live again: one bite, shared by all whose turn it
    /// is. One that its owner can't pay for any more stays cancelled, and says so.
    /// - Parameters:
    ///   - limit: how many dependents are looked at.
    ///   - jobs: how many of those that live again are.
    ///   - isFull: whether an owner has no room for more live jobs; then it is tried again later.
    package func revive(
        limit: Int = Revival.bite, jobs: Int = Revival.jobsPerBite, isFull: (OwnerID) -> Bool = { _ in false }
    ) throws -> RevivalBite {
        let pending = try lockRevivals(limit: jobs)
        let full = pending.filter { isFull($0.owner) }
        try upsertRevivals(full, turn: now + Revival.pause)
        var plan = try plan(pending.filter { entry in !full.contains { $0.job == entry.job } }, limit: limit)
        let money = try setAside(&plan, isStrict: false)
        return try carryOut(plan, money, by: "system", isMore: pending.count == jobs)
    }

    /// The first whose turn it is gets it later: one of its dependents can't be brought back. Returns the job.
    package func putOffRevival(until instant: Int64) throws -> JobID? {
        guard let first = try lockRevivals(limit: 1).first else { return nil }
        try upsertRevivals([first], turn: instant)
        return first.job
    }

    /// Brings back the first of those that were cancelled with a job that is tried again, in the same commit: throws
    /// `Refusal.insufficientFunds` when its owner can't pay for it and for all of these.
    /// - Parameter hold: what is to be held for the job itself.
    func reviveDependents(of job: LiveJob, hold: Hold?, by actor: String) throws -> RevivalBite {
        var plan = try plan([PendingRevival(job: job.id, owner: job.owner)], limit: Revival.bite)
        let money = try setAside(&plan, besides: hold, isStrict: true)
        return try carryOut(plan, money, by: actor, isMore: false)
    }

    /// What a bite will do. All that it says of other jobs is locked.
    private struct Plan {
        var back: [CancelledDependent] = []
        /// The live ones that these wait for.
        var awaited: Set<JobID> = []
        /// Those whose owner can't pay for them.
        var unpaid: [JobID] = []
        var done: [JobID] = []
        /// Those that have more dependents.
        var moved: [PendingRevival] = []
        /// Those with a dependent that is just being cancelled.
        var late: [PendingRevival] = []
    }

    private func plan(_ entries: [PendingRevival], limit: Int) throws -> Plan {
        var plan = Plan()
        var left = limit
        var looked: [(entry: PendingRevival, dependents: [JobID], isLast: Bool)] = []
        for entry in entries {
            guard left > 0 else {
                plan.moved.append(entry)
                continue
            }
            let found = try dependents(of: entry.job, after: entry.lastID, limit: left)
            looked.append((entry, found, found.count < left))
            left -= found.count
        }
        let cancelled = try lockCancelledDependents(Set(looked.flatMap(\.dependents)).sorted())
        let needs = try dependencies(of: cancelled.map(\.id))
        let needed = Set(needs.values.joined())
        let live = try lockLive(Array(needed))
        // Those that don't live have ended before this moment, and what their ends bring about is there to be seen.
        let ended = try endedStates(needed.subtracting(live).sorted())
        let busy = try cascading(needed.subtracting(live).union(cancelled.map(\.id)).sorted())
        for var job in cancelled where !busy.contains(job.id) {
            let needs = needs[job.id] ?? []
            guard needs.allSatisfy({ (live.contains($0) || ended[$0] == .completed) && !busy.contains($0) }) else {
                continue
            }
            let awaited = needs.filter(live.contains)
            job.waitsFor = Int64(awaited.count)
            plan.awaited.formUnion(awaited)
            plan.back.append(job)
        }
        let heldUp = Set(
            cancelled.map(\.id).filter { id in
                busy.contains(id) || (needs[id] ?? []).contains(where: busy.contains)
            })
        for (entry, dependents, isLast) in looked {
            var entry = entry
            if dependents.contains(where: heldUp.contains) {
                plan.late.append(entry)
            } else if isLast {
                plan.done.append(entry.job)
            } else if let last = dependents.last {
                entry.lastID = last.text
                plan.moved.append(entry)
            }
        }
        return plan
    }

    /// Sets aside what the jobs of a plan may cost: after all live rows are locked, as always.
    /// - Parameters:
    ///   - besides: one more hold, which comes first.
    ///   - isStrict: whether all of it has to be there; else jobs that can't be paid for leave the plan.
    private func setAside(
        _ plan: inout Plan, besides: Hold? = nil, isStrict: Bool
    ) throws -> (book: Book, holds: [Hold]) {
        let accounts = Set(([besides] + plan.back.map(\.hold)).compactMap(\.self).flatMap { [$0.available, $0.held] })
        guard !accounts.isEmpty else { return (Book([:]), []) }
        var book = try lock(accounts)
        var holds: [Hold] = []
        if let besides {
            try book.post(besides.setAside)
            holds.append(besides)
        }
        var paid: [CancelledDependent] = []
        for job in plan.back {
            do {
                if let hold = job.hold {
                    try book.post(hold.setAside)
                    holds.append(hold)
                }
                paid.append(job)
            } catch Refusal.insufficientFunds where !isStrict {
                plan.unpaid.append(job.id)
            }
        }
        plan.back = paid
        return (book, holds)
    }

    private func carryOut(
        _ plan: Plan, _ money: (book: Book, holds: [Hold]), by actor: String, isMore: Bool
    ) throws -> RevivalBite {
        let live = try bringBack(plan.back)
        try noteAwaited(plan.awaited.sorted())
        try noteLive(Dictionary(plan.back.map { ($0.owner, 1) }) { $0 + $1 })
        try explainCancelled(
            plan.unpaid, "not brought back with the job it waits for: its max_price_usdt could not be held again")
        try write(money.book)
        try insertHolds(money.holds)
        let next = live.filter(\.hasDependents).map { PendingRevival(job: $0.id, owner: $0.owner) }
        try deleteRevivals(plan.done)
        try upsertRevivals(plan.moved + next, turn: now)
        try upsertRevivals(plan.late, turn: now + Revival.pause)
        for (owner, jobs) in Dictionary(grouping: plan.back, by: \.owner).sorted(by: { $0.key < $1.key }) {
            try record(.revived(jobs, of: owner, by: actor))
        }
        if !(plan.moved.isEmpty && next.isEmpty) { wake(Revival.topic) }
        return RevivalBite(
            isMore: isMore || !plan.moved.isEmpty || !next.isEmpty,
            isReady: plan.back.contains { $0.waitsFor == 0 }, revived: plan.back.map(\.id))
    }
}

extension Event {
    /// Some of one owner's jobs live again.
    fileprivate static func revived(_ jobs: [CancelledDependent], of owner: OwnerID, by actor: String) -> Event {
        let held = jobs.compactMap(\.hold).reduce(0) { $0 + $1.amount }
        var metadata = JSONWriter(capacity: 64 + jobs.count * 40)
        metadata.beginObject()
        metadata.key("jobs")
        metadata.beginArray()
        for job in jobs { metadata.string(job.id.text) }
        metadata.endArray()
        if held > 0 { metadata.field("held_usdt", Money.decimal(held)) }
        metadata.endObject()
        return Event(
            owner: owner, type: .jobsRevived, actor: actor, object: jobs.first?.id.text ?? "",
            metadata: String(decoding: metadata.bytes, as: UTF8.self))
    }
}
