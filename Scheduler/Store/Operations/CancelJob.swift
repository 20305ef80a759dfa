internal import Bytes
package import Domain

extension Transaction {
    /// How long a worker is told that a job is cancelled, in milliseconds: longer than any lease it may believe in.
    private static let noticeLasts = LeaseRules.longest

    /// Ends a job by its owner's will. A running job's worker is told; its late result is refused (CONTRACT 4).
    package func cancel(_ id: JobID, owner: OwnerID, actor: String) throws {
        guard let job = try deleteOwned(id, owner: owner) else {
            throw try endings(of: [id], owner: owner)[id].map { Refusal.jobEnded(id, $0) } ?? .notFound("job")
        }
        if let worker = job.worker { try noticeCancelled([(worker, id)]) }
        try end([Ended(job: job, state: .cancelled, reason: "cancelled", outcome: nil)], by: actor)
    }

    /// Redrives a failed job: its attempts are counted anew, numbers and fence go on (CONTRACT 4). What is
    /// left of its price is held again: throws `Refusal.insufficientFunds`, and 409 when that pays no further run.
    /// - Parameter withDependents: whether those that were cancelled with it live again too, as far as nothing else
    /// that they wait for has come to nothing; the first of them in this commit, the others in bites (`Revival`).
    @discardableResult
    package func retry(
        _ id: JobID, owner: OwnerID, actor: String, withDependents: Bool = false
    ) throws -> RevivalBite {
        try keepLastAttempt(of: id, owner: owner)
        guard let ended = try deleteFailed(id, owner: owner) else {
            let state = try endings(of: [id], owner: owner)[id]
            if let state { throw Refusal.jobEnded(id, state) }
            throw try isLive(id, owner: owner)
                ? Refusal.wrongState("the job has not failed; only a failed one can be retried") : .notFound("job")
        }
        // Who waits for it from now on is another than those that its end still has to cancel.
        guard try !isCascading(id) else {
            throw Refusal.wrongState(
                "the jobs that waited for this one are still being cancelled; try again in a few seconds")
        }
        guard let job = try redrive(id, owner: owner, ended) else { throw Refusal.notFound("job") }
        guard try !classes([job.classID]).isEmpty else {
            throw Refusal.wrongState("what the job needs is no longer on record: submit it anew")
        }
        try noteLive([owner: 1])
        var hold: Hold?
        if job.held > 0 || job.paid > 0 {
            let paysAnotherRun = try JobPay.paysAnotherRun(
                left: job.held, of: job.paid + job.held, hourlyPrice: ended.hourlyPrice, minutes: terms(of: id).minutes)
            guard paysAnotherRun else {
                throw Refusal.wrongState(
                    "\(Money.decimal(job.held)) USDT, which is left of max_price_usdt, pays no further run: "
                        + "submit the job anew with a price")
            }
            hold = job.hold
        }
        let held: JSON = job.held > 0 ? ["held_usdt": .string(Money.decimal(job.held))] : [:]
        try record(
            Event(owner: owner, type: .jobRetried, actor: actor, object: id.text, metadata: held.text(.compact)))
        if withDependents { return try reviveDependents(of: job, hold: hold, by: actor) }
        // What an earlier retry still had to bring back is not asked for any more.
        try deleteRevivals([id])
        if let hold { try self.hold(hold) }
        return RevivalBite()
    }

    /// Workers are told to stop what they run.
    func noticeCancelled(_ jobs: [(MachineID, JobID)]) throws {
        try insertCancelNotices(jobs, expiresAt: now + Self.noticeLasts)
    }

    /// A worker's running jobs are taken back and it is told to stop them.
    @discardableResult
    func recall(from worker: MachineID, actor: String, limit: Int = 100_000) throws -> Int {
        let jobs = try lockRunning(of: worker, limit: limit)
        guard !jobs.isEmpty else { return 0 }
        try noticeCancelled(jobs.map { (worker, $0.id) })
        try release(jobs, actor: actor)
        return jobs.count
    }
}
