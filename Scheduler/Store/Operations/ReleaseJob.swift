package import Domain

extension Transaction {
    /// A worker gives a job back: the attempt is refunded, the fence is not (CONTRACT 4). `reason` is kept with
    /// the attempt.
    package func release(_ key: LeaseKey, reason: String? = nil) throws {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        try release([job], actor: key.worker.text, reason: reason)
    }

    /// Running jobs go back to the queue as if they had not been claimed.
    func release(_ jobs: [LiveJob], actor: String, reason: String? = nil) throws {
        try reschedule(
            jobs.map { job in
                var job = job
                job.attempt = max(0, job.attempt - 1)
                return Rescheduling(job: job, runAt: now)
            })
        for job in jobs { try insertAttempt(job, outcome: "released", error: reason) }
        try record(jobs.map { $0.event(.jobReleased, actor: actor, reason: reason) })
    }

    /// A worker stops claiming, or starts again.
    package func drain(_ worker: MachineID, owner: OwnerID, draining: Bool) throws {
        try setDraining(worker, draining)
        try record(
            Event(
                owner: owner, type: .workerDrained, actor: worker.text, object: worker.text,
                metadata: draining ? #"{"draining":true}"# : #"{"draining":false}"#))
    }
}
