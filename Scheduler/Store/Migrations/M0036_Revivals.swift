extension Migration {
    /// What a retry with dependents still has to bring back among the jobs that were cancelled because the retried one
    /// had come to nothing. `owner_id` is whose they are, `last_id` the last that was seen to.
    static let revivals = Migration(name: "0036_revivals") { _ in
        [
            """
            CREATE TABLE revivals (
                job_id \(.text) PRIMARY KEY,
                owner_id \(.text) NOT NULL,
                last_id \(.text) NOT NULL,
                turn BIGINT NOT NULL)
            """,
            "CREATE INDEX revivals_by_turn ON revivals (turn)",
        ]
    }
}
