extension Migration {
    /// What an end still has to bring about among those that wait for the job. An end with few dependents takes them
    /// along; one with many would hold up everybody, so they follow in bites. `dependents` counts them from now on: it
    /// said only that there are some.
    static let cascades = Migration(name: "0025_cascades") { _ in
        [
            """
            CREATE TABLE cascades (
                job_id \(.text) PRIMARY KEY,
                is_lost BIGINT NOT NULL,
                last_id \(.text) NOT NULL,
                turn BIGINT NOT NULL)
            """,
            "CREATE INDEX cascades_by_turn ON cascades (turn)",
            """
            UPDATE live_jobs SET dependents =
                (SELECT COUNT(*) FROM job_dependencies WHERE depends_on = live_jobs.id)
            WHERE dependents > 0
            """,
        ]
    }
}
