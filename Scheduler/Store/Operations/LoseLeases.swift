internal import Domain

/// What became of jobs whose leases were lost.
package struct Losses: Sendable {
    /// Pending again, and may be claimed again.
    package var returned = 0
    /// Have lost too many workers in a row.
    package var poisoned = 0
}

extension Transaction {
    /// A worker was killed, and its next life found this lease in its journal: the work is lost. It counts as a lease
    /// that ran out, at once instead of after the timeout. `reason` is kept with the attempt.
    package func lose(_ key: LeaseKey, reason: String?) throws -> Losses {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        return try lose([job], actor: key.worker.text, reason: reason)
    }

    /// Takes running jobs from their workers. Infrastructure loss isn't the job's failure: it is counted apart, and the
    /// job is put off briefly; after three losses in a row it is poison (CONTRACT 4).
    func lose(_ jobs: [LiveJob], actor: String, reason: String?) throws -> Losses {
        var reschedulings: [Rescheduling] = []
        var ends: [Ended] = []
        for job in jobs {
            var job = job
            job.losses += 1
            job.lossesInRow += 1
            switch NextStep.afterLoss(lossesInRow: job.lossesInRow) {
            case .complete, .fail:
                ends.append(Ended(job: job, state: .failed, reason: "poison", outcome: nil, error: reason))
            case .retry:
                let wait = LeaseRules.lossBackoff.delay(after: job.lossesInRow, using: &random)
                reschedulings.append(Rescheduling(job: job, runAt: now + wait))
            }
        }
        // Both kinds tell their devices: those of all are locked at once, in order.
        let devices = Set(jobs.compactMap(\.device)).sorted()
        if !reschedulings.isEmpty, !ends.isEmpty { try SQL.chunked(devices) { try lockDevices($0) } }
        for rest in reschedulings { try insertAttempt(rest.job, outcome: "lost", error: reason) }
        try reschedule(reschedulings)
        try record(reschedulings.map { $0.job.event(.jobLeaseLost, actor: actor, reason: reason) })
        try deleteLocked(ends.map(\.job))
        try end(ends, by: actor)
        return Losses(returned: reschedulings.count, poisoned: ends.count)
    }
}
