package import Domain

/// A job with what the store adds to it: ready to be written.
package struct AcceptedJob: Sendable {
    package let id: JobID
    package let job: NewJob
    package var state: JobState
    package var tag: Int64
    package var waitsFor: Int64 = 0

    package var classID: ClassID { job.classID }

    init(id: JobID, job: NewJob, state: JobState, tag: Int64) {
        self.id = id
        self.job = job
        self.state = state
        self.tag = tag
    }
}

extension Transaction {
    func insertRecords(_ jobs: [AcceptedJob]) throws {
        try SQL.chunked(jobs) { chunk in
            let rows = chunk.map { accepted in
                let job = accepted.job
                return [
                    Value.text(accepted.id.text), .text(job.owner.text), .text(job.title),
                    .integer(accepted.classID.number), .text(job.spec), .integer(job.maxAttempts),
                    .integer(job.backoff.initial), .integer(job.backoff.factor), .integer(job.backoff.max),
                    .integer(job.maxPrice), .integer(now),
                ]
            }
            try execute(
                """
                INSERT INTO jobs (id, owner_id, title, class_id, spec, max_attempts, backoff_initial,
                    backoff_factor, backoff_most, max_price, created_at)
                VALUES \(rows: rows)
                """)
        }
    }

    func insertLive(_ jobs: [AcceptedJob]) throws {
        try SQL.chunked(jobs) { chunk in
            let rows = chunk.map { accepted in
                [
                    Value.text(accepted.id.text), .text(accepted.job.owner.text),
                    .integer(accepted.classID.number), .text(accepted.state.rawValue), .integer(accepted.tag),
                    .integer(now), .integer(accepted.job.runAt ?? now), .integer(accepted.job.maxAttempts),
                    .integer(accepted.waitsFor), .integer(accepted.hold?.amount ?? 0), .integer(accepted.job.bounty),
                    .text(accepted.job.device?.device.text),
                ]
            }
            try execute(
                """
                INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, waits_for,
                    held, bounty_id, device_id)
                VALUES \(rows: rows)
                """)
        }
    }

    /// Jobs that were cancelled before they were born: something they depend on has failed already.
    func insertUnborn(_ jobs: [AcceptedJob]) throws {
        try SQL.chunked(jobs) { chunk in
            let rows = chunk.map { [Value.text($0.id.text), .text($0.job.owner.text), .integer(now)] }
            try execute(
                """
                WITH unborn (id, owner, at) AS (VALUES \(rows: rows))
                INSERT INTO ended_jobs (id, owner_id, state, reason, attempt, failures, losses, fence, ended_at)
                SELECT id, owner, 'cancelled', 'dependency', 0, 0, 0, 0, at FROM unborn
                """)
        }
    }

    func insertDependencies(_ pairs: [(job: JobID, on: JobID)]) throws {
        try SQL.chunked(pairs) { chunk in
            let rows = chunk.map { [Value.text($0.job.text), .text($0.on.text)] }
            try execute("INSERT INTO job_dependencies (job_id, depends_on) VALUES \(rows: rows)")
        }
    }

    /// Marks live jobs as waited for, which locks them until the commit; returns those that are live.
    func markDependents(_ ids: [JobID], owner: OwnerID) throws -> Set<JobID> {
        guard !ids.isEmpty else { return [] }
        let marked = try rows(
            """
            UPDATE live_jobs SET dependents = 1
            WHERE id IN (\(list: ids.map(\.text))) AND owner_id = \(owner.text) RETURNING id
            """
        ) { try JobID($0.text()) }
        return Set(marked)
    }

    /// Those of the jobs that have ended, with how.
    func endings(of ids: [JobID], owner: OwnerID) throws -> [JobID: JobState] {
        guard !ids.isEmpty else { return [:] }
        let found = try rows(
            "SELECT id, state FROM ended_jobs WHERE id IN (\(list: ids.map(\.text))) AND owner_id = \(owner.text)"
        ) { row in try (JobID(row.text()), row.jobState()) }
        return Dictionary(found) { first, _ in first }
    }

    /// The jobs that wait for any of these.
    func dependents(of ids: [JobID]) throws -> [JobID] {
        var found: Set<JobID> = []
        try SQL.chunked(ids) { chunk in
            let some = try rows("SELECT job_id FROM job_dependencies WHERE depends_on IN (\(list: chunk.map(\.text)))")
            {
                try JobID($0.text())
            }
            found.formUnion(some)
        }
        return Array(found)
    }
}

extension Row {
    mutating func jobState() throws -> JobState { try word() }
}
