internal import Domain

/// How far a pass over a table has come. Passes are shared by all servers: each takes the next bite where the last one
/// ended, whoever took it.
struct PruningPlace: Sendable {
    /// Of jobs: the last id that was looked at; of events: the owner.
    var place = ""
    /// Of events: the position in the owner's chain.
    var number: Int64 = 0
    /// When the next bite may be taken, milliseconds since 1970.
    var nextAt: Int64 = 0
}

/// An ended job whose record goes, and then what is kept beside it.
struct DeletedJob {
    let id: JobID
    let owner: OwnerID
    let isCompleted: Bool
    /// Milliseconds since 1970.
    let endedAt: Int64
}

extension Transaction {
    /// Locks a pass until the commit; nil when another server is at it, or its time hasn't come.
    func lockPruning(_ name: String) throws -> PruningPlace? {
        let place = try first(
            "SELECT place, number, next_at FROM prunings WHERE name = \(name) \(.skipLocked)"
        ) { row in try PruningPlace(place: row.text(), number: row.integer(), nextAt: row.integer()) }
        return place.flatMap { $0.nextAt <= now ? $0 : nil }
    }

    func movePruning(_ name: String, to place: PruningPlace) throws {
        try executeLater(
            """
            UPDATE prunings SET place = \(place.place), number = \(place.number), next_at = \(place.nextAt)
            WHERE name = \(name)
            """)
    }

    /// Locks the next ended jobs in the order of their ids, those that another transaction has in hand left out.
    func lockEnded(
        after id: String, before end: String, limit: Int
    ) throws -> [DeletedJob] {
        try rows(
            """
            SELECT id, owner_id, state, ended_at FROM ended_jobs WHERE id > \(id) AND id < \(end)
            ORDER BY id LIMIT \(limit) \(.skipLocked)
            """
        ) { row in
            try DeletedJob(
                id: JobID(row.text()), owner: OwnerID(row.text()), isCompleted: row.jobState() == .completed,
                endedAt: row.integer())
        }
    }

    /// Locks the records of these jobs, those that another transaction has in hand left out: with them it is settled
    /// that nobody begins to need the jobs (`keepJobs`).
    func lockRecords(_ ids: [JobID]) throws -> [JobID] {
        var locked: [JobID] = []
        try SQL.chunked(ids) { chunk in
            locked += try rows(
                "SELECT id FROM jobs WHERE id \(in: chunk.map(\.text)) ORDER BY id \(.skipLocked)"
            ) { try JobID($0.text()) }
        }
        return locked
    }

    /// Locks an ended job of an owner and its record; nil when there is none.
    func lockEnded(_ id: JobID, owner: OwnerID) throws -> DeletedJob? {
        let ended = try first(
            "SELECT state, ended_at FROM ended_jobs WHERE id = \(id.text) AND owner_id = \(owner.text) \(.forUpdate)"
        ) { row in
            try DeletedJob(
                id: id, owner: owner, isCompleted: row.jobState() == .completed, endedAt: row.integer())
        }
        let record = try first("SELECT id FROM jobs WHERE id = \(id.text) \(.forUpdate)") { try $0.text() }
        return record == nil ? nil : ended
    }

    /// Those of ended jobs that something needs yet: dependents that their ends have not come to, live jobs that are
    /// given their files, and bounties whose audits have not settled, or that hold money. With `retries` also failed
    /// jobs, which may be tried again, need what they are given.
    func needed(_ ids: [JobID], retries: Bool) throws -> Set<JobID> {
        var needed: Set<JobID> = []
        try SQL.chunked(ids) { chunk in
            let texts = chunk.map(\.text)
            needed.formUnion(
                try rows(
                    """
                    SELECT job_id FROM cascades WHERE job_id \(in: texts)
                    UNION ALL
                    SELECT source FROM job_sources JOIN live_jobs ON live_jobs.id \(.isFound) job_sources.job_id \(.end)
                    WHERE source \(in: texts)
                    UNION ALL
                    SELECT source FROM job_sources
                    JOIN ended_jobs ON ended_jobs.id \(.isFound) job_sources.job_id \(.end)
                        AND ended_jobs.state = 'failed' AND \(retries) = 1
                    WHERE source \(in: texts)
                    UNION ALL
                    SELECT job_id FROM audits JOIN bounties ON bounties.id \(.isFound) audits.bounty_id \(.end)
                    WHERE job_id \(in: texts) AND (audits.state IN ('waiting', 'reported', 'disputed')
                        OR poster_escrow > 0)
                    """
                ) { try JobID($0.text()) })
        }
        return needed
    }

    /// Takes jobs out of history, and their records; returns how many rows.
    func deleteEnded(_ ids: [JobID]) throws -> Int {
        var gone = 0
        try SQL.chunked(ids) { chunk in
            let texts = chunk.map(\.text)
            gone += try execute("DELETE FROM ended_jobs WHERE id \(in: texts)")
            gone += try execute("DELETE FROM jobs WHERE id \(in: texts)")
        }
        return gone
    }

    /// What was kept beside jobs that are gone is taken away by the next bites.
    func insertDeleted(_ jobs: [DeletedJob]) throws {
        let rows = SQL.Rows("gone", ["id", "owner_id", "is_completed"], of: jobs) { job in
            [.text(job.id.text), .text(job.owner.text), .bool(job.isCompleted)]
        }
        try executeLater("INSERT INTO deleted_jobs \(inserting: rows)")
    }

    /// Some jobs that are gone while what was kept beside them is still there; those that another transaction has in
    /// hand are passed over.
    func lockDeleted(limit: Int) throws -> [DeletedJob] {
        try rows(
            "SELECT id, owner_id, is_completed FROM deleted_jobs ORDER BY id LIMIT \(limit) \(.skipLocked)"
        ) { row in
            try DeletedJob(
                id: JobID(row.text()), owner: OwnerID(row.text()), isCompleted: row.integer() == 1, endedAt: 0)
        }
    }

    func forgetDeleted(_ ids: [JobID]) throws {
        try SQL.chunked(ids) { try executeLater("DELETE FROM deleted_jobs WHERE id \(in: $0.map(\.text))") }
    }

    /// Takes away keys that were revoked, or ended by themselves, before an instant; returns how many. Those that the
    /// operator configured stay: they must be known to be revoked.
    func deleteEndedKeys(olderThan instant: Int64, limit: Int) throws -> Int {
        var hashes = try rows(
            """
            SELECT hash FROM api_keys WHERE revoked_at <= \(instant) AND configured = 0 AND revoked_at IS NOT NULL
            ORDER BY revoked_at LIMIT \(limit)
            """
        ) { try $0.text() }
        hashes += try rows(
            """
            SELECT hash FROM api_keys WHERE expires_at <= \(instant) AND configured = 0 AND expires_at IS NOT NULL
            ORDER BY expires_at LIMIT \(limit)
            """
        ) { try $0.text() }
        var gone = 0
        // In one order, so that two servers don't wait for each other.
        try SQL.chunked(Set(hashes).sorted()) { gone += try execute("DELETE FROM api_keys WHERE hash \(in: $0)") }
        return gone
    }
}
