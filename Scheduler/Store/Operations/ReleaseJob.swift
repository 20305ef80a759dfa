package import Domain

extension Transaction {
    /// A worker gives a job back: the attempt is refunded, the fence is not (CONTRACT 4).
    package func release(_ key: LeaseKey) throws {
        guard let job = try afterAmnesty({ try lockLease(key) }) else { throw try refusalForStale(key) }
        try release([job], actor: key.worker.text)
    }

    /// Running jobs go back to the queue as if they had not been claimed.
    func release(_ jobs: [LiveJob], actor: String) throws {
        try rest(
            jobs.map { job in
                var job = job
                job.attempt = max(0, job.attempt - 1)
                return Rest(job: job, runAt: now)
            })
        for job in jobs { try insertAttempt(job, outcome: "released") }
        try record(jobs.map { $0.event(.jobReleased, actor: actor) })
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
