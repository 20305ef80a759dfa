extension Migration {
    /// How much each owner has: bytes of files, which commits change by rows of their own that are summed up a moment
    /// later, as the counts of live jobs are (0026), and machines.
    static let ownerQuotas = Migration(name: "0033_owner_quotas") { _ in
        [
            "CREATE TABLE stored_bytes (owner_id \(.text) PRIMARY KEY, bytes BIGINT NOT NULL)",
            """
            CREATE TABLE stored_changes (
                seq \(.autoKey),
                owner_id \(.text) NOT NULL,
                bytes BIGINT NOT NULL)
            """,
            """
            INSERT INTO stored_bytes (owner_id, bytes)
            SELECT owner_id, CAST(SUM(size) AS BIGINT) FROM (
                SELECT owner_id, size FROM artifacts JOIN jobs ON jobs.id = job_id
                UNION ALL SELECT owner_id, size FROM uploads JOIN blobs ON blobs.hash = uploads.hash) AS files
            GROUP BY owner_id
            """,
            "CREATE TABLE machine_counts (owner_id \(.text) PRIMARY KEY, machines BIGINT NOT NULL)",
            """
            INSERT INTO machine_counts (owner_id, machines)
            SELECT owner_id, COUNT(*) FROM machines GROUP BY owner_id
            """,
        ]
    }
}
