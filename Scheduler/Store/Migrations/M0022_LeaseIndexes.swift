extension Migration {
    /// The indexes of running jobs serve only statements that name their first column, as those of M0021. Just after
    /// a vacuum of a table whose jobs have all ended PostgreSQL takes it for empty, and both indexes for equally
    /// cheap: it then walked all leases, dead ones included, to find those of one worker.
    static let leaseIndexes = Migration(name: "0022_lease_indexes") { _ in
        [
            "DROP INDEX live_jobs_by_lease",
            """
            CREATE INDEX live_jobs_by_lease ON live_jobs (visible_until)
                WHERE state = 'running' AND visible_until IS NOT NULL
            """,
            "DROP INDEX live_jobs_by_worker",
            """
            CREATE INDEX live_jobs_by_worker ON live_jobs (worker_id, id)
                WHERE state = 'running' AND worker_id IS NOT NULL
            """,
        ]
    }
}
