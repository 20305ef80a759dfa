package import Bytes
internal import Domain

/// A lease to be made longer.
package struct Extension: Sendable {
    package var key: LeaseKey
    /// From now, in milliseconds.
    package var milliseconds: Int64

    package init(key: LeaseKey, milliseconds: Int64) {
        self.key = key
        self.milliseconds = milliseconds
    }
}

/// A worker's word on how far it is.
package struct Progress: Sendable {
    package var key: LeaseKey
    package var percent: Int64?
    package var message: String?
    package var log: RawText?
    /// Bytes of this lease's log that came before; nil when it isn't said.
    package var logOffset: Int64?

    package init(key: LeaseKey, percent: Int64?, message: String?, log: RawText?, logOffset: Int64? = nil) {
        self.key = key
        self.percent = percent
        self.message = message
        self.log = log
        self.logOffset = logOffset
    }
}

extension Transaction {
    /// When leases that are held by exactly these keys end for good, whatever their extensions; their rows are locked
    /// in the order of ids. Those that another transaction has are left out, unless this `waits` for them.
    func lockLeaseEnds(_ keys: [LeaseKey], waits: Bool) throws -> [LeaseKey: Int64] {
        let lock: Clause = waits ? .forUpdate : .skipLocked
        let held = LeaseKey.rows(keys)
        let found = try rows(
            """
            SELECT live_jobs.id, worker_id, claim_token, lease_ends FROM live_jobs\(and: held)
            WHERE id \(is: held.job) AND worker_id = \(held.worker) AND claim_token = \(held.token)
                AND state = \(.running) AND visible_until > \(now)
            ORDER BY \(held.job) \(lock)
            """
        ) { try Self.end(&$0) }
        return Dictionary(found) { _, last in last }
    }

    private static func end(_ row: inout Row) throws -> (LeaseKey, Int64) {
        try (LeaseKey(job: JobID(row.text()), worker: MachineID(row.text()), tokenHash: row.text()), row.integer())
    }

    /// Until when the leases stand whose keys hold, as far as one sees without a lock.
    func leaseEnds(_ keys: [LeaseKey]) throws -> [LeaseKey: Int64] {
        let held = LeaseKey.rows(keys)
        let found = try rows(
            """
            SELECT live_jobs.id, worker_id, claim_token, visible_until FROM live_jobs\(and: held)
            WHERE id \(is: held.job) AND worker_id = \(held.worker) AND claim_token = \(held.token)
                AND state = \(.running) AND visible_until > \(now)
            """
        ) { try Self.end(&$0) }
        return Dictionary(found) { _, last in last }
    }

    /// Leases that this transaction has locked last until these instants.
    func prolong(_ leases: [(job: JobID, until: Int64)]) throws {
        let longer = SQL.Rows("longer", ["job", "until"], of: leases) { [.text($0.job.text), .integer($0.until)] }
        try executeLater(
            """
            UPDATE live_jobs SET visible_until = \(longer.until) \(from: longer)
            WHERE live_jobs.id \(is: longer.job) AND state = \(.running)
            """)
    }

    /// Notes progress on a held lease; returns the fence, or nil when the key doesn't hold.
    func noteProgress(_ progress: Progress) throws -> Int64? {
        let key = progress.key
        return try first(
            """
            UPDATE live_jobs SET percent = COALESCE(\(progress.percent), percent),
                message = COALESCE(\(progress.message), message)
            WHERE id = \(key.job.text) AND worker_id = \(key.worker.text) AND claim_token = \(key.tokenHash)
                AND state = \(.running) AND visible_until > \(now)
            RETURNING fence
            """
        ) { try $0.integer() }
    }

    /// Locks the lease of this key until the commit; nil when it doesn't hold.
    func lockLease(_ key: LeaseKey) throws -> LiveJob? { try lockHeld([key]).first }

    /// Locks leases that ran out after `from` and up to now, the longest over first.
    func lockExpired(from: Int64, _ picking: Picking) throws -> [(LiveJob, until: Int64)] {
        try rows(
            """
            SELECT \(raw: LiveJob.columns), visible_until FROM live_jobs
            WHERE state = 'running' AND visible_until >= \(from) AND visible_until <= \(now)
                AND NOT (id \(in: picking.except))
            ORDER BY visible_until LIMIT \(picking.limit) \(.skipLocked)
            """
        ) { row in try (LiveJob(&row), row.integer()) }
    }

    /// Locks the running jobs of a worker.
    func lockRunning(of worker: MachineID, limit: Int) throws -> [LiveJob] {
        try rows(
            """
            SELECT \(raw: LiveJob.columns) FROM live_jobs WHERE worker_id = \(worker.text) AND state = 'running'
            ORDER BY id LIMIT \(limit) \(.forUpdate)
            """
        ) { try LiveJob(&$0) }
    }

    /// Gives leases that ran out between two instants more time.
    func prolongLapsed(since: Int64, by milliseconds: Int64) throws -> Int {
        try execute(
            """
            UPDATE live_jobs SET visible_until = visible_until + \(milliseconds),
                lease_ends = lease_ends + \(milliseconds)
            WHERE state = 'running' AND visible_until >= \(since) AND visible_until <= \(now)
            """)
    }

    /// The instant of the last scheduler round, nil before the first.
    func lastRound() throws -> Int64? {
        try first("SELECT last_round FROM scheduler_clock WHERE id = 1") { try $0.integer() }
    }

    /// Moves the clock of rounds from what was seen to now; false when somebody else did.
    func beginRound(seen: Int64?) throws -> Bool {
        guard let seen else {
            return try execute(
                "INSERT INTO scheduler_clock (id, last_round) VALUES (1, \(now)) ON CONFLICT (id) DO NOTHING") == 1
        }
        return try execute(
            "UPDATE scheduler_clock SET last_round = \(now) WHERE id = 1 AND last_round = \(seen)") == 1
    }

    /// Locks scheduled jobs whose time has come.
    func lockDue(limit: Int) throws -> [LiveJob] {
        try rows(
            """
            SELECT \(raw: LiveJob.columns) FROM live_jobs WHERE state = 'scheduled' AND run_at <= \(now)
            ORDER BY run_at LIMIT \(limit) \(.skipLocked)
            """
        ) { try LiveJob(&$0) }
    }

    /// When the next scheduled job is due, at or after `from`.
    func nextDue() throws -> Int64? {
        try first("SELECT run_at FROM live_jobs WHERE state = 'scheduled' ORDER BY run_at LIMIT 1") {
            try $0.integer()
        }
    }

    /// Scheduled jobs become pending with these tags.
    func makeReady(_ jobs: [(id: JobID, tag: Int64)]) throws {
        let ready = SQL.Rows("ready", ["job", "place"], of: jobs) { [.text($0.id.text), .integer($0.tag)] }
        try executeLater(
            """
            UPDATE live_jobs SET state = 'pending', tag = \(ready.place), since = \(now)
            \(from: ready) WHERE live_jobs.id \(is: ready.job) AND live_jobs.state = \(.scheduled)
            """)
    }

    func insertCancelNotices(_ jobs: [(worker: MachineID, job: JobID)], expiresAt: Int64) throws {
        let notices = SQL.Rows("notices", ["worker_id", "job_id", "expires_at"], of: jobs) {
            [.text($0.worker.text), .text($0.job.text), .integer(expiresAt)]
        }
        try executeLater(
            """
            INSERT INTO cancel_notices \(inserting: notices)
            ON CONFLICT (worker_id, job_id) DO UPDATE SET expires_at = excluded.expires_at
            """)
    }

    /// The jobs that this worker was told to stop, without those that it was given again since.
    func cancelNotices(for worker: MachineID) throws -> Set<JobID> {
        try cancelNotices(for: [worker])[worker] ?? []
    }

    /// Takes away notices that no worker waits for any more; returns how many.
    func deleteExpiredCancelNotices(limit: Int) throws -> Int {
        let expired = try rows(
            """
            SELECT worker_id, job_id FROM cancel_notices WHERE expires_at <= \(now) ORDER BY expires_at LIMIT \(limit)
            """
        ) { row in try (worker: row.text(), job: row.text()) }
        let gone = SQL.Rows("gone", ["worker", "job"], of: expired) { [.text($0.worker), .text($0.job)] }
        return try execute(
            """
            DELETE FROM cancel_notices \(using: gone)
            WHERE worker_id \(is: gone.worker) AND job_id \(is: gone.job) AND expires_at <= \(now)
            """)
    }
}
