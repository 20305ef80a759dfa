package import Domain

extension SQL.StringInterpolation {
    /// Binds a state in a statement that names its jobs by their ids. Written out it would let PostgreSQL take one of
    /// the partial indexes of that state, which look cheapest while a table is small and cost most when it isn't. Bare,
    /// a value that is compared with the column of a partial index makes SQLite plan the statement at each execution.
    mutating func appendInterpolation(_ state: JobState) {
        appendInterpolation(state.rawValue)
        appendLiteral(" || ''")
    }
}

/// What a guarded statement on live jobs gave back.
struct LiveJob {
    var id: JobID
    var owner: OwnerID
    var classID: ClassID
    var state: JobState
    var tag: Int64
    var attempt: Int64
    var maxAttempts: Int64
    var failures: Int64
    var losses: Int64
    var lossesInRow: Int64
    var fence: Int64
    /// How many jobs wait for it, at the most.
    var dependents: Int64
    var token: String?
    var worker: MachineID?
    var claimedAt: Int64?
    /// Minor units of USDT: what its attempts have earned, and what is still held for it.
    var paid: Int64
    var held: Int64
    var holdNumber: Int64
    /// What its machine asks, fixed at the claim.
    var hourlyPrice: Int64?
    /// The task that it audits.
    var bounty: Int64?
    /// The device whose command it is.
    var device: DeviceID?

    static let columns: StaticString = """
        id, owner_id, class_id, state, tag, attempt, max_attempts, failures, losses, losses_in_row, fence,
        dependents, claim_token, worker_id, claimed_at, paid, held, hold_number, hourly_price, bounty_id,
        device_id
        """

    var hasDependents: Bool { dependents > 0 }

    init(_ row: inout Row) throws {
        id = try JobID(row.text())
        owner = try OwnerID(row.text())
        classID = try ClassID(row.integer())
        state = try row.jobState()
        tag = try row.integer()
        attempt = try row.integer()
        maxAttempts = try row.integer()
        failures = try row.integer()
        losses = try row.integer()
        lossesInRow = try row.integer()
        fence = try row.integer()
        dependents = try row.integer()
        token = try row.optionalText()
        worker = try row.optionalText().map { MachineID($0) }
        claimedAt = try row.optionalInteger()
        paid = try row.integer()
        held = try row.integer()
        holdNumber = try row.integer()
        hourlyPrice = try row.optionalInteger()
        bounty = try row.optionalInteger()
        device = try row.optionalText().map { DeviceID($0) }
    }
}

/// Whose lease on which job a call is about.
package struct LeaseKey: Sendable, Hashable {
    package let job: JobID
    package let worker: MachineID
    /// SHA-256 hex of the claim token.
    package let tokenHash: String

    package init(job: JobID, worker: MachineID, tokenHash: String) {
        self.job = job
        self.worker = worker
        self.tokenHash = tokenHash
    }

    static let columns: [StaticString] = ["job", "worker", "token"]
    var values: [Value] { [.text(job.text), .text(worker.text), .text(tokenHash)] }

    /// The keys as a statement's rows.
    static func rows(_ keys: some Collection<LeaseKey>) -> SQL.Rows { SQL.Rows("held", columns, of: keys, \.values) }
}

extension Transaction {
    /// Reads and locks live jobs whose lease is held by exactly these keys and hasn't run out, in id order: the guard
    /// of every ending. Those that another transaction has are left out, unless this `waits` for them.
    func lockHeld(_ keys: [LeaseKey], waits: Bool = true) throws -> [LiveJob] {
        try held(keys, waits ? "\(.forUpdate)" : "\(.skipLocked)")
    }

    /// The jobs of those keys that hold, as far as one sees without a lock.
    func standingLeases(_ keys: [LeaseKey]) throws -> [LeaseKey: LiveJob] {
        let found = try held(keys, "").compactMap { job in job.leaseKey.map { ($0, job) } }
        return Dictionary(found) { first, _ in first }
    }

    func held(_ keys: [LeaseKey], _ lock: SQL) throws -> [LiveJob] {
        let held = LeaseKey.rows(keys)
        return try rows(
            """
            SELECT \(raw: LiveJob.columns) FROM live_jobs\(and: held)
            WHERE id \(is: held.job) AND worker_id = \(held.worker) AND claim_token = \(held.token)
                AND state = \(.running) AND visible_until > \(now)
            ORDER BY \(held.job) \(sql: lock)
            """
        ) { try LiveJob(&$0) }
    }

    /// Takes away what this transaction has locked, guarded by the fence it saw.
    func deleteLocked(_ jobs: [LiveJob]) throws {
        let gone = SQL.Rows("gone", ["job", "seen"], of: jobs) { [.text($0.id.text), .integer($0.fence)] }
        try executeLater(
            "DELETE FROM live_jobs \(using: gone) WHERE id \(is: gone.job) AND fence = \(gone.seen)")
    }

    /// A running job is put off until `runAt`: its lease is over and its fence stays.
    struct Rescheduling {
        var job: LiveJob
        var runAt: Int64
    }

    func reschedule(_ reschedulings: [Rescheduling]) throws {
        let columns: [StaticString] = [
            "job", "seen", "wake", "tries", "failed", "lost", "in_row", "spent", "kept",
        ]
        let resting = SQL.Rows("resting", columns, of: reschedulings) { rest in
            [
                .text(rest.job.id.text), .integer(rest.job.fence), .integer(rest.runAt), .integer(rest.job.attempt),
                .integer(rest.job.failures), .integer(rest.job.losses), .integer(rest.job.lossesInRow),
                .integer(rest.job.paid), .integer(rest.job.held),
            ]
        }
        try executeLater(
            """
            UPDATE live_jobs SET state = 'scheduled', run_at = \(resting.wake), attempt = \(resting.tries),
                failures = \(resting.failed), losses = \(resting.lost), losses_in_row = \(resting.in_row),
                paid = \(resting.spent), held = \(resting.kept), hourly_price = NULL,
                claim_token = NULL, claim_request = NULL, worker_id = NULL, claimed_at = NULL,
                visible_until = NULL, visibility_timeout = NULL, lease_ends = NULL, percent = NULL, message = NULL
            \(from: resting)
            WHERE live_jobs.id \(is: resting.job) AND fence = \(resting.seen) AND state = \(.running)
            """)
        try note(reschedulings.compactMap { $0.job.change(.pending, waiting: 1) })
    }

    /// Takes away what its owner cancels, whatever its state.
    func deleteOwned(_ id: JobID, owner: OwnerID) throws -> LiveJob? {
        try first(
            """
            DELETE FROM live_jobs WHERE id = \(id.text) AND owner_id = \(owner.text)
            RETURNING \(raw: LiveJob.columns)
            """
        ) { try LiveJob(&$0) }
    }

    func deleteBlocked(_ ids: [JobID]) throws -> [LiveJob] { try delete(ids, "AND state = 'blocked'") }

    /// Takes away jobs whatever their state.
    func deleteOpen(_ ids: [JobID]) throws -> [LiveJob] { try delete(ids, "") }

    private func delete(_ ids: [JobID], _ condition: SQL) throws -> [LiveJob] {
        var found: [LiveJob] = []
        try SQL.chunked(ids) { chunk in
            found += try rows(
                """
                DELETE FROM live_jobs WHERE id \(in: chunk.map(\.text)) \(sql: condition)
                RETURNING \(raw: LiveJob.columns)
                """
            ) { try LiveJob(&$0) }
        }
        return found
    }

    /// Each of these dependents waits for fewer: those of `done` that it named. Ready ones become scheduled.
    func unblock(_ dependents: [JobID], done: [JobID]) throws {
        guard !done.isEmpty else { return }
        let over: SQL = """
            (SELECT COUNT(*) FROM job_dependencies WHERE job_id = live_jobs.id
                AND depends_on \(in: done.map(\.text)))
            """
        try SQL.chunked(dependents) { chunk in
            try executeLater(
                """
                UPDATE live_jobs SET waits_for = waits_for - \(sql: over),
                    state = CASE WHEN waits_for <= \(sql: over) THEN 'scheduled' ELSE 'blocked' END
                WHERE id \(in: chunk.map(\.text)) AND state = 'blocked'
                """)
        }
    }
}
