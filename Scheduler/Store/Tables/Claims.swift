internal import Domain

/// A job that was locked for a claim, with what the worker will need.
struct Pick {
    var candidate: Candidate
    var attempt: Int64
    var fence: Int64
    var title: String
    /// Bytes of the spec.
    var specBytes: Int64
    /// Nil while it isn't read: a large one is when the job is granted.
    var spec: String?

    /// A spec of so many bytes is read with the pick, as most are that small.
    fileprivate static let smallSpec: Int64 = 2_048
}

/// A grant as it is written: who gets the job, and for how long.
struct GrantRow {
    var id: JobID
    var tokenHash: String
    var visibleUntil: Int64
    var visibilityTimeout: Int64
    /// Minor units of USDT, until this attempt ends.
    var hourlyPrice: Int64
}

extension Transaction {
    /// Locks up to `limit` of the first pending jobs of each class, passing over those that others have locked.
    func pick(_ heads: ArraySlice<ClassHead>, limit: Int) throws -> [Pick] {
        guard let first = heads.first else { return [] }
        func part(_ head: ClassHead) -> SQL {
            let mine: SQL =
                if let owner = head.barred {
                    """
                    AND NOT EXISTS (SELECT 1 FROM bounties WHERE bounties.id \(.isFound) live_jobs.bounty_id \(.end)
                        AND (author_id = \(owner.text) OR claimed_by = \(owner.text)))
                    """
                } else { "" }
            if let device = head.device {
                return """
                    SELECT * FROM (SELECT id, owner_id, class_id, tag, since, attempt, fence FROM live_jobs
                        WHERE device_id = \(device.text) AND state = 'pending'
                        ORDER BY device_id, tag, id LIMIT \(limit) \(.skipLocked)) AS head
                    """
            }
            return """
                SELECT * FROM (SELECT id, owner_id, class_id, tag, since, attempt, fence FROM live_jobs
                    WHERE class_id = \(head.id.number) AND state = 'pending' AND tag >= \(head.fromTag) \(sql: mine)
                    ORDER BY class_id, tag, id LIMIT \(limit) \(.skipLocked)) AS head
                """
        }
        let parts = heads.dropFirst().reduce(part(first)) { sum, head in "\(sql: sum) UNION ALL \(sql: part(head))" }
        return try rows(
            """
            WITH picks AS MATERIALIZED (\(sql: parts))
            SELECT picks.id, picks.owner_id, picks.class_id, picks.tag, picks.since, picks.attempt, picks.fence,
                jobs.title, \(octetsOf: "jobs.spec"),
                CASE WHEN \(octetsOf: "jobs.spec") <= \(Pick.smallSpec) THEN jobs.spec END
            FROM picks JOIN jobs ON jobs.id = picks.id
            """
        ) { row in
            let candidate = try Candidate(
                id: JobID(row.text()), owner: OwnerID(row.text()), classID: ClassID(row.integer()),
                tag: row.integer(), since: row.integer())
            return try Pick(
                candidate: candidate, attempt: row.integer(), fence: row.integer(), title: row.text(),
                specBytes: row.integer(), spec: row.optionalText())
        }
    }

    /// The specs of these jobs.
    func specs(of ids: [JobID]) throws -> [JobID: String] {
        guard !ids.isEmpty else { return [:] }
        let found = try rows("SELECT id, spec FROM jobs WHERE id \(in: ids.map(\.text))") { row in
            try (JobID(row.text()), row.text())
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Whether anything waits in a class.
    func isHolding(_ id: ClassID) throws -> Bool {
        try first("SELECT 1 FROM live_jobs WHERE class_id = \(id.number) AND state = 'pending' LIMIT 1") {
            try $0.integer()
        } != nil
    }

    /// Turns picked jobs, which are locked, into running ones.
    func grant(_ grants: [GrantRow], worker: MachineID, request: String?) throws {
        let granted = SQL.Rows("granted", ["job", "token", "until", "timeout", "price"], of: grants) { grant in
            [
                .text(grant.id.text), .text(grant.tokenHash), .integer(grant.visibleUntil),
                .integer(grant.visibilityTimeout), .integer(grant.hourlyPrice),
            ]
        }
        try executeLater(
            """
            UPDATE live_jobs SET state = 'running', attempt = attempt + 1, fence = fence + 1,
                claim_token = \(granted.token), claim_request = \(request), worker_id = \(worker.text),
                claimed_at = \(now), visible_until = \(granted.until), visibility_timeout = \(granted.timeout),
                lease_ends = \(now + LeaseRules.longest), hourly_price = \(granted.price)
            \(from: granted) WHERE live_jobs.id \(is: granted.job) AND live_jobs.state = \(.pending)
            """, changing: grants.count)
    }

    /// Whether a claim with this request id was granted something before. A worker's claims come one after the other:
    /// its machine is locked by now.
    func isAnswered(_ request: String, of worker: MachineID) throws -> Bool {
        try first(
            "SELECT granted_at FROM claim_requests WHERE worker_id = \(worker.text) AND request = \(request)"
        ) { try $0.integer() } != nil
    }

    /// From now on a claim with this request id gets what it got, and nothing else.
    func noteAnswered(_ request: String, of worker: MachineID) throws {
        try executeLater(
            """
            INSERT INTO claim_requests (worker_id, request, granted_at)
            VALUES (\(worker.text), \(request), \(now))
            """)
    }

    /// Takes away request ids that were answered before an instant; returns how many.
    func deleteClaimRequests(olderThan instant: Int64, limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM claim_requests WHERE (worker_id, request) IN
                (SELECT worker_id, request FROM claim_requests WHERE granted_at <= \(instant) LIMIT \(limit))
            """)
    }

    /// What an earlier claim with the same request id was given and still holds.
    func granted(
        to worker: MachineID, request: String
    ) throws -> [(Pick, tokenHash: String, until: Int64, timeout: Int64, ends: Int64)] {
        try rows(
            """
            SELECT live_jobs.id, live_jobs.owner_id, live_jobs.class_id, tag, since, attempt, fence, title, spec,
                claim_token, visible_until, visibility_timeout, lease_ends
            FROM live_jobs JOIN jobs ON jobs.id = live_jobs.id
            WHERE worker_id = \(worker.text) AND state = 'running' AND claim_request = \(request)
                AND visible_until > \(now)
            ORDER BY live_jobs.id
            """
        ) { row in
            let candidate = try Candidate(
                id: JobID(row.text()), owner: OwnerID(row.text()), classID: ClassID(row.integer()),
                tag: row.integer(), since: row.integer())
            let pick = try Pick(
                candidate: candidate, attempt: row.integer(), fence: row.integer(), title: row.text(),
                specBytes: 0, spec: row.text())
            return try (pick, row.text(), row.integer(), row.integer(), row.integer())
        }
    }

    /// What this worker's running jobs take of its machine.
    func usage(of worker: MachineID) throws -> (milliCores: Int64, memoryMiB: Int64, gpus: Int64) {
        try first(
            """
            SELECT CAST(COALESCE(SUM(milli_cores), 0) AS BIGINT), CAST(COALESCE(SUM(memory_mib), 0) AS BIGINT),
                CAST(COALESCE(SUM(gpus), 0) AS BIGINT)
            FROM live_jobs JOIN job_classes ON job_classes.id \(.isFound) class_id \(.end)
            WHERE worker_id = \(worker.text) AND state = 'running'
            """
        ) { row in try (row.integer(), row.integer(), row.integer()) } ?? (0, 0, 0)
    }
}
