extension Migration {
    /// Which classes claims are looked for in: those that were used a moment ago or in which something waits. A class
    /// itself stays as long as the history of its jobs. And whose machines did paid work for others lately: only they
    /// have a say in the market's prices.
    static let liveClasses = Migration(name: "0031_live_classes") { _ in
        [
            """
            CREATE TABLE live_classes (
                id BIGINT PRIMARY KEY,
                owner_id \(.text) NOT NULL,
                used_at BIGINT NOT NULL)
            """,
            "INSERT INTO live_classes (id, owner_id, used_at) SELECT id, created_by, created_at FROM job_classes",
            "CREATE INDEX live_classes_by_owner ON live_classes (owner_id)",
            "CREATE INDEX live_classes_by_use ON live_classes (used_at)",
            "DROP INDEX job_classes_by_owner",
            "DROP INDEX job_classes_by_age",
            // Those that are pending have an index already. Neither a submission nor a claim writes to this one.
            """
            CREATE INDEX live_jobs_by_waiting_class ON live_jobs (class_id)
                WHERE class_id IS NOT NULL AND state IN ('blocked', 'scheduled')
            """,
            "CREATE TABLE market_earners (owner_id \(.text) PRIMARY KEY, earned_at BIGINT NOT NULL)",
            "CREATE INDEX market_earners_by_time ON market_earners (earned_at)",
        ]
    }
}
