extension Migration {
    /// A list of an owner's running jobs walked all that wait; and each piece of a log summed up those before it: now
    /// it keeps the sums, of the job's log and of its lease's, in bytes.
    static let listedStates = Migration(name: "0030_listed_states") { _ in
        [
            "DROP INDEX live_jobs_by_owner",
            "CREATE INDEX live_jobs_by_owner ON live_jobs (owner_id, state, id) WHERE owner_id IS NOT NULL",
            "ALTER TABLE job_logs ADD COLUMN total BIGINT",
            "ALTER TABLE job_logs ADD COLUMN lease_total BIGINT",
        ]
    }
}
