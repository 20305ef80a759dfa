internal import Domain

/// How a live job ended, ready for history.
struct Ended {
    var job: LiveJob
    var state: JobState
    var reason: String?
    var outcome: Outcome?
    /// What its last attempt earned, in minor units of USDT.
    var pay: Int64 = 0
    /// What is known of the end where no worker reported one.
    var error: String?
}

/// What a failed job takes with it when it is tried again.
struct FailedJob {
    var attempt: Int64
    var losses: Int64
    var fence: Int64
    /// What all its attempts earned, in minor units of USDT.
    var paid: Int64
    /// What its last attempt cost by the hour; 0 when it earned nothing.
    var hourlyPrice: Int64
}

extension Transaction {
    func insertEnded(_ ends: [Ended]) throws {
        let columns: [StaticString] = [
            "id", "owner_id", "state", "reason", "attempt", "failures", "losses", "fence", "claim_token", "worker_id",
            "claimed_at", "ended_at", "status", "exit_code", "output", "error", "duration_ms", "paid", "pay",
        ]
        let rows = SQL.Rows("ended", columns, of: ends) { end in
            let job = end.job
            return [
                .text(job.id.text), .text(job.owner.text), .text(end.state.rawValue), .text(end.reason),
                .integer(job.attempt), .integer(job.failures), .integer(job.losses), .integer(job.fence),
                .text(job.token), .text(job.worker?.text), .integer(job.claimedAt), .integer(now),
                .text(end.outcome?.status.rawValue), .integer(end.outcome?.exitCode),
                .text(end.outcome?.output), .text(end.outcome?.error ?? end.error),
                .integer(end.outcome?.durationMilliseconds), .integer(job.paid + end.pay), .integer(end.pay),
            ]
        }
        try executeLater("INSERT INTO ended_jobs \(inserting: rows)")
    }

    /// An attempt that ended without ending the job.
    func insertAttempt(
        _ job: LiveJob, outcome: String, exitCode: Int64? = nil, error: String? = nil, pay: Int64 = 0
    ) throws {
        try executeLater(
            """
            INSERT INTO attempts (job_id, fence, attempt, worker_id, claim_token, outcome, started_at, ended_at,
                exit_code, error, pay)
            VALUES (\(job.id.text), \(job.fence), \(job.attempt), \(job.worker?.text), \(job.token), \(outcome),
                \(job.claimedAt), \(now), \(exitCode), \(error), \(pay))
            """)
    }

    /// What the reports with these keys were answered, where they were accepted before, and the status they had.
    func acceptedResults(_ keys: [LeaseKey]) throws -> [LeaseKey: (status: String, answer: Finished)] {
        let held = LeaseKey.rows(keys)
        let found = try rows(
            """
            SELECT id, worker_id, claim_token, status, state, attempt, fence, pay FROM ended_jobs\(and: held)
            WHERE id \(is: held.job) AND worker_id = \(held.worker) AND claim_token = \(held.token)
                AND status IS NOT NULL
            UNION ALL
            SELECT job_id, worker_id, claim_token, outcome, 'pending', attempt, fence, pay FROM attempts\(and: held)
            WHERE job_id \(is: held.job) AND worker_id = \(held.worker) AND claim_token = \(held.token)
                AND outcome IN ('success', 'failure', 'timeout')
            """
        ) { row in
            let key = try LeaseKey(job: JobID(row.text()), worker: MachineID(row.text()), tokenHash: row.text())
            let status = try row.text()
            let answer = try Finished(
                job: key.job, state: row.jobState(), attempt: row.integer(), fence: row.integer(),
                paid: row.integer())
            return (key, (status, answer))
        }
        return Dictionary(found) { first, _ in first }
    }

    /// How a job is tried again: its backoff, and how many minutes a run may take.
    func terms(of id: JobID) throws -> (backoff: Backoff, minutes: Int64) {
        let found = try first(
            """
            SELECT backoff_initial, backoff_factor, backoff_most, minutes
            FROM jobs JOIN job_classes ON job_classes.id \(.isFound) class_id \(.end) WHERE jobs.id = \(id.text)
            """
        ) { row in
            try (Backoff(initial: row.integer(), factor: row.integer(), max: row.integer()), row.integer())
        }
        guard let found else { throw InternalError.unreadable("the terms of \(id.text)") }
        return found
    }

    /// The ended ones among these jobs.
    func endedStates(_ ids: [JobID]) throws -> [JobID: JobState] {
        guard !ids.isEmpty else { return [:] }
        let found = try rows("SELECT id, state FROM ended_jobs WHERE id \(in: ids.map(\.text))") { row in
            try (JobID(row.text()), row.jobState())
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Before a failed job leaves history: its last attempt stays on record, and its report can still be repeated.
    func keepLastAttempt(of id: JobID, owner: OwnerID) throws {
        try executeLater(
            """
            INSERT INTO attempts (job_id, fence, attempt, worker_id, claim_token, outcome, started_at, ended_at,
                exit_code, error, pay)
            SELECT id, fence, attempt, worker_id, claim_token, COALESCE(status, 'lost'), claimed_at, ended_at,
                exit_code, error, pay
            FROM ended_jobs WHERE id = \(id.text) AND owner_id = \(owner.text) AND state = 'failed'
                AND claimed_at IS NOT NULL
            ON CONFLICT (job_id, fence) DO NOTHING
            """)
    }

    /// Takes a failed job out of history, so that it can be tried again; a device's command is sent anew instead.
    func deleteFailed(_ id: JobID, owner: OwnerID) throws -> FailedJob? {
        try first(
            """
            DELETE FROM ended_jobs WHERE id = \(id.text) AND owner_id = \(owner.text) AND state = 'failed'
                AND NOT EXISTS (SELECT 1 FROM device_commands WHERE job_id = \(id.text))
            RETURNING attempt, losses, fence, paid, pay, COALESCE(ended_at - claimed_at, 0)
            """
        ) { row in
            try FailedJob(
                attempt: row.integer(), losses: row.integer(), fence: row.integer(), paid: row.integer(),
                hourlyPrice: JobPay.hourlyPrice(paid: row.integer(), milliseconds: row.integer()))
        }
    }

    /// Puts a job from history back among the living; attempt numbers and fence go on. Returns it as it lives now: with
    /// what is to be held for it, the rest of its price.
    func redrive(_ id: JobID, owner: OwnerID, _ failed: FailedJob) throws -> LiveJob? {
        try first(
            """
            INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, attempt, losses,
                fence, paid, held, hold_number, dependents)
            SELECT id, owner_id, class_id, 'scheduled', 0, \(now), \(now), max_attempts, \(failed.attempt),
                \(failed.losses), \(failed.fence), \(failed.paid),
                CASE WHEN max_price > \(failed.paid) THEN max_price - \(failed.paid) ELSE 0 END, \(failed.fence),
                (SELECT COUNT(*) FROM (SELECT 1 FROM job_dependencies WHERE depends_on = jobs.id LIMIT 501) AS few)
            FROM jobs WHERE id = \(id.text) AND owner_id = \(owner.text)
            RETURNING \(raw: LiveJob.columns)
            """
        ) { try LiveJob(&$0) }
    }
}
