package import Domain

/// Which jobs to list, newest first.
package struct JobPage: Sendable {
    /// Whose: each of them costs as much as a list of its own.
    package var owners: [OwnerID]
    /// The API's word: `pending` also means scheduled.
    package var status: JobState?
    /// 1–100.
    package var limit: Int
    /// Only jobs older than this id.
    package var before: JobID?
    /// Only jobs of this id or newer.
    package var since: JobID?

    package init(owners: [OwnerID], status: JobState?, limit: Int, before: JobID?, since: JobID? = nil) {
        self.owners = owners
        self.status = status
        self.limit = limit
        self.before = before
        self.since = since
    }
}

extension Transaction {
    private static let summaryColumns: StaticString = """
        jobs.id, jobs.owner_id, jobs.title, kind, queue, priority, COALESCE(live_jobs.state, ended_jobs.state),
        jobs.created_at, jobs.class_id, COALESCE(live_jobs.attempt, ended_jobs.attempt),
        jobs.max_attempts, COALESCE(live_jobs.losses, ended_jobs.losses), COALESCE(live_jobs.fence, ended_jobs.fence),
        jobs.max_price, live_jobs.run_at, COALESCE(live_jobs.worker_id, ended_jobs.worker_id),
        COALESCE(live_jobs.claimed_at, ended_jobs.claimed_at), visible_until, percent, message, reason, exit_code,
        duration_ms, ended_at, CASE live_jobs.state WHEN 'running' THEN live_jobs.hourly_price END,
        COALESCE(live_jobs.paid, ended_jobs.paid)
        """

    /// What may be a MiB each, and only who asks for one job is sent.
    private static let largeColumns: StaticString = "jobs.spec, output, error"

    private static let joined: StaticString = """
        jobs JOIN job_classes ON job_classes.id = jobs.class_id
        LEFT JOIN live_jobs ON live_jobs.id = jobs.id LEFT JOIN ended_jobs ON ended_jobs.id = jobs.id
        """

    /// An owner's job, live or ended; nil when there is none.
    package func job(_ id: JobID, owner: OwnerID) throws -> Job? { try job(id, ofAny: [owner]) }

    /// The job, when it belongs to one of these.
    package func job(_ id: JobID, ofAny owners: [OwnerID]) throws -> Job? {
        try first(
            """
            SELECT \(raw: Self.summaryColumns), \(raw: Self.largeColumns) FROM \(raw: Self.joined)
            WHERE jobs.id = \(id.text) AND jobs.owner_id \(in: owners.map(\.text))
            """
        ) { row in
            var job = try Self.summary(&row)
            job.spec = try row.text()
            let (output, error) = try (row.optionalText(), row.optionalText())
            job.ending?.output = output
            job.ending?.error = error
            return job
        }
    }

    /// As `job`, without its spec, its output and its error.
    package func jobSummary(_ id: JobID, ofAny owners: [OwnerID]) throws -> Job? {
        try first(
            """
            SELECT \(raw: Self.summaryColumns) FROM \(raw: Self.joined)
            WHERE jobs.id = \(id.text) AND jobs.owner_id \(in: owners.map(\.text))
            """
        ) { try Self.summary(&$0) }
    }

    /// Whether the job belongs to one of these.
    package func isJob(_ id: JobID, ofAny owners: [OwnerID]) throws -> Bool {
        try first("SELECT 1 FROM jobs WHERE id = \(id.text) AND owner_id \(in: owners.map(\.text))") {
            try $0.integer()
        } != nil
    }

    /// A page of jobs, without their specs, outputs and errors.
    package func jobs(_ page: JobPage) throws -> [Job] {
        // A range of the index for each owner and state, of which the newest are taken.
        let ranges = page.owners.flatMap { Self.ids(of: $0, page) }
        guard let first = ranges.first else { return [] }
        var ids = first
        if ranges.count > 1 {
            let parts = ranges.map { "SELECT id FROM (\(sql: $0)) AS part" as SQL }
            ids = "\(sql: parts.joined(separator: " UNION ALL ")) ORDER BY id DESC LIMIT \(page.limit)"
        }
        return try rows(
            """
            WITH page AS MATERIALIZED (\(sql: ids))
            SELECT \(raw: Self.summaryColumns) FROM \(raw: Self.joined) JOIN page ON page.id = jobs.id
            """
        ) { try Self.summary(&$0) }
        // In SQL the order would lead PostgreSQL to walk all jobs, newest first, and look each up in the page.
        .sorted { $0.id > $1.id }
    }

    /// The newest ids of a page by one owner, of each state of the rows by itself.
    private static func ids(of owner: OwnerID, _ page: JobPage) -> [SQL] {
        // Always both, so that it is one statement.
        let (before, since) = (page.before?.text ?? "g", page.since?.text ?? "")
        switch page.status {
        case nil:
            return [
                """
                SELECT id FROM jobs WHERE owner_id = \(owner.text) AND id < \(before) AND id >= \(since)
                ORDER BY owner_id DESC, id DESC LIMIT \(page.limit)
                """
            ]
        case .completed?, .failed?, .cancelled?:
            return [
                """
                SELECT id FROM ended_jobs WHERE owner_id = \(owner.text)
                    AND state = \(page.status?.rawValue) AND id < \(before) AND id >= \(since)
                ORDER BY owner_id DESC, state DESC, id DESC LIMIT \(page.limit)
                """
            ]
        case .some(let state):
            return (state == .pending ? [state, .scheduled] : [state]).map { state in
                """
                SELECT id FROM live_jobs WHERE owner_id = \(owner.text) AND state = \(state)
                    AND id < \(before) AND id >= \(since)
                ORDER BY owner_id DESC, state DESC, id DESC LIMIT \(page.limit)
                """
            }
        }
    }

    /// The grants of a job, oldest first; the one that runs has no outcome.
    package func attempts(of id: JobID) throws -> [Attempt] {
        try rows(
            """
            SELECT fence, attempt, worker_id, outcome, started_at, ended_at, exit_code, error FROM attempts
                WHERE job_id = \(id.text)
            UNION ALL
            SELECT fence, attempt, worker_id, COALESCE(status, CASE WHEN reason = 'poison' THEN 'lost' ELSE state END),
                claimed_at, ended_at, exit_code, error FROM ended_jobs
                WHERE id = \(id.text) AND claimed_at IS NOT NULL
            UNION ALL
            SELECT fence, attempt, worker_id, NULL, claimed_at, NULL, NULL, NULL FROM live_jobs
                WHERE id = \(id.text) AND state = \(.running)
            ORDER BY 1
            """
        ) { row in
            try Attempt(
                fence: row.integer(), attempt: row.integer(), worker: row.optionalText().map { MachineID($0) },
                outcome: row.optionalText(), startedAt: row.optionalInteger(), endedAt: row.optionalInteger(),
                exitCode: row.optionalInteger(), error: row.optionalText())
        }
    }

    func isLive(_ id: JobID, owner: OwnerID) throws -> Bool { try !liveJobs(among: [id], owner: owner).isEmpty }

    /// Those of an owner's jobs that live, as far as one sees without a lock.
    func liveJobs(among ids: [JobID], owner: OwnerID) throws -> Set<JobID> {
        guard !ids.isEmpty else { return [] }
        return Set(
            try rows("SELECT id FROM live_jobs WHERE id \(in: ids.map(\.text)) AND owner_id = \(owner.text)") {
                try JobID($0.text())
            })
    }

    func spec(of id: JobID) throws -> String? {
        try first("SELECT spec FROM jobs WHERE id = \(id.text)") { try $0.text() }
    }

    private static func summary(_ row: inout Row) throws -> Job {
        let id = try JobID(row.text())
        let owner = try OwnerID(row.text())
        let title = try row.text()
        var job = try Job(
            id: id, owner: owner, title: title, kind: row.word(), queue: row.text(), priority: row.integer(),
            state: row.jobState(), createdAt: row.integer(), spec: "", classID: ClassID(row.integer()),
            attempt: row.integer(), maxAttempts: row.integer(), losses: row.integer(), fence: row.integer())
        job.maxPrice = try row.optionalInteger()
        job.runAt = try row.optionalInteger()
        job.worker = try row.optionalText().map { MachineID($0) }
        job.claimedAt = try row.optionalInteger()
        job.visibleUntil = try row.optionalInteger()
        job.percent = try row.optionalInteger()
        job.message = try row.optionalText()
        let reason = try row.optionalText()
        let exitCode = try row.optionalInteger()
        let duration = try row.optionalInteger()
        if let endedAt = try row.optionalInteger() {
            job.ending = Job.Ending(
                reason: reason, exitCode: exitCode, output: nil, error: nil, durationMilliseconds: duration,
                endedAt: endedAt)
        }
        job.hourlyPrice = try row.optionalInteger()
        job.paid = try row.integer()
        return job
    }
}
