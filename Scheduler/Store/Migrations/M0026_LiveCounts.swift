extension Migration {
    /// How many jobs of each owner live: what a commit changes is added as a row of its own, so that nobody waits for a
    /// row that all of an owner's commits would change, and is summed up a moment later. Commands of devices and audits
    /// have limits of their own, and aren't counted.
    static let liveCounts = Migration(name: "0026_live_counts") { _ in
        [
            "CREATE TABLE live_counts (owner_id \(.text) PRIMARY KEY, jobs BIGINT NOT NULL)",
            "CREATE INDEX live_counts_by_jobs ON live_counts (jobs)",
            """
            CREATE TABLE live_changes (
                seq \(.autoKey),
                owner_id \(.text) NOT NULL,
                jobs BIGINT NOT NULL)
            """,
            """
            INSERT INTO live_counts (owner_id, jobs)
            SELECT owner_id, COUNT(*) FROM live_jobs WHERE device_id IS NULL AND bounty_id IS NULL GROUP BY owner_id
            """,
        ]
    }
}
