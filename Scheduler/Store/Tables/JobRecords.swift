package import Domain

/// A job with what the store adds to it: ready to be written.
package struct AcceptedJob: Sendable {
    package let id: JobID
    package let job: NewJob
    package var state: JobState
    package var tag: Int64
    package var waitsFor: Int64 = 0
    /// When its class was used last, if its commit records that: the commit's time.
    package var classUsedAt: Int64?

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
        let columns: [StaticString] = [
            "id", "owner_id", "title", "class_id", "spec", "max_attempts", "backoff_initial", "backoff_factor",
            "backoff_most", "max_price", "created_at",
        ]
        let rows = SQL.Rows("records", columns, of: jobs) { accepted in
            let job = accepted.job
            return [
                .text(accepted.id.text), .text(job.owner.text), .text(job.title), .integer(accepted.classID.number),
                .text(job.spec), .integer(job.maxAttempts), .integer(job.backoff.initial),
                .integer(job.backoff.factor), .integer(job.backoff.max), .integer(job.maxPrice), .integer(now),
            ]
        }
        try executeLater("INSERT INTO jobs \(inserting: rows)")
    }

    func insertLive(_ jobs: [AcceptedJob]) throws {
        let columns: [StaticString] = [
            "id", "owner_id", "class_id", "state", "tag", "since", "run_at", "max_attempts", "waits_for", "held",
            "bounty_id", "device_id",
        ]
        let rows = SQL.Rows("accepted", columns, of: jobs) { accepted in
            [
                .text(accepted.id.text), .text(accepted.job.owner.text), .integer(accepted.classID.number),
                .text(accepted.state.rawValue), .integer(accepted.tag), .integer(now),
                .integer(accepted.job.runAt ?? now), .integer(accepted.job.maxAttempts), .integer(accepted.waitsFor),
                .integer(accepted.hold?.amount ?? 0), .integer(accepted.job.bounty),
                .text(accepted.job.device?.device.text),
            ]
        }
        try executeLater("INSERT INTO live_jobs \(inserting: rows)")
    }

    /// Jobs that were cancelled before they were born: something they depend on has failed already.
    func insertUnborn(_ jobs: [AcceptedJob]) throws {
        let unborn = SQL.Rows("unborn", ["id", "owner"], of: jobs) { [.text($0.id.text), .text($0.job.owner.text)] }
        try executeLater(
            """
            INSERT INTO ended_jobs (id, owner_id, state, reason, attempt, failures, losses, fence, ended_at)
            SELECT \(unborn.id), \(unborn.owner), 'cancelled', 'dependency', 0, 0, 0, 0, \(now) \(from: unborn)
            """)
    }

    func insertDependencies(_ pairs: [(job: JobID, on: JobID)]) throws {
        let rows = SQL.Rows("pairs", ["job_id", "depends_on"], of: pairs) { [.text($0.job.text), .text($0.on.text)] }
        try executeLater("INSERT INTO job_dependencies \(inserting: rows)")
    }

    /// Locks those of an owner's jobs that live. Those that another transaction has are left out, unless this `waits`
    /// for them.
    func lockLive(_ ids: [JobID], owner: OwnerID, waits: Bool) throws -> Set<JobID> {
        guard !ids.isEmpty else { return [] }
        let lock: Clause = waits ? .forUpdate : .skipLocked
        let locked = try rows(
            """
            SELECT id FROM live_jobs WHERE id \(in: ids.map(\.text)) AND owner_id = \(owner.text)
            ORDER BY id \(lock)
            """
        ) { try JobID($0.text()) }
        return Set(locked)
    }

    /// Counts one more that waits for a job, each time that it is named.
    func countDependents(_ ids: [JobID]) throws {
        let counts = Dictionary(ids.map { ($0, Int64(1)) }, uniquingKeysWith: +).sorted { $0.key < $1.key }
        let waited = SQL.Rows("waited", ["job", "more"], of: counts) { [.text($0.key.text), .integer($0.value)] }
        try executeLater(
            """
            UPDATE live_jobs SET dependents = dependents + \(waited.more) \(from: waited)
            WHERE live_jobs.id \(is: waited.job)
            """)
    }

    /// Those of the jobs that have ended, with how.
    func endings(of ids: [JobID], owner: OwnerID) throws -> [JobID: JobState] {
        guard !ids.isEmpty else { return [:] }
        let found = try rows(
            "SELECT id, state FROM ended_jobs WHERE id \(in: ids.map(\.text)) AND owner_id = \(owner.text)"
        ) { row in try (JobID(row.text()), row.jobState()) }
        return Dictionary(found) { first, _ in first }
    }

    /// The jobs that wait for any of these.
    func dependents(of ids: [JobID]) throws -> [JobID] {
        var found: Set<JobID> = []
        try SQL.chunked(ids) { chunk in
            let some = try rows("SELECT job_id FROM job_dependencies WHERE depends_on \(in: chunk.map(\.text))") {
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
