extension Migration {
    /// What is kept for a time that the operator sets, and files that are stored as long as something refers to them.
    static let retention = Migration(name: "0032_retention") { dialect in
        rounds + references + given(dialect)
    }

    private static let rounds: [SQL] = [
        // How far a pass over a table has come; the row is locked by the one server that is at work.
        """
        CREATE TABLE prunings (
            name \(.text) PRIMARY KEY,
            place \(.text) NOT NULL DEFAULT '',
            number BIGINT NOT NULL DEFAULT 0,
            next_at BIGINT NOT NULL DEFAULT 0)
        """,
        "INSERT INTO prunings (name) VALUES ('jobs'), ('events')",
        // Jobs that are gone, while what was kept beside them is still there.
        "CREATE TABLE deleted_jobs (id \(.text) PRIMARY KEY, owner_id \(.text) NOT NULL)",
        "CREATE INDEX api_keys_by_revocation ON api_keys (revoked_at) WHERE revoked_at IS NOT NULL",
        "CREATE INDEX api_keys_by_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL",
    ]

    private static let references: [SQL] = [
        "CREATE INDEX artifacts_by_hash ON artifacts (hash)",
        "CREATE INDEX uploads_by_hash ON uploads (hash)",
        "CREATE INDEX uploads_by_age ON uploads (created_at)",
        // Content that a row referred to and doesn't any more; another may.
        "CREATE TABLE released_blobs (hash \(.text) PRIMARY KEY, released_at BIGINT NOT NULL)",
        "CREATE INDEX released_blobs_by_age ON released_blobs (released_at)",
        """
        INSERT INTO released_blobs (hash, released_at)
        SELECT hash, 0 FROM blobs WHERE NOT EXISTS (SELECT 1 FROM artifacts WHERE artifacts.hash = blobs.hash)
            AND NOT EXISTS (SELECT 1 FROM uploads WHERE uploads.hash = blobs.hash)
        """,
        // What a job is given: content by its hash, or another job's output by that job's id.
        """
        CREATE TABLE job_sources (
            source \(.text) NOT NULL,
            job_id \(.text) NOT NULL)
        """,
        "CREATE INDEX job_sources_by_source ON job_sources (source)",
        "CREATE INDEX job_sources_by_job ON job_sources (job_id)",
    ]

    /// Those of jobs that are there, from their specs. Of other kinds of jobs a spec is something else.
    private static func given(_ dialect: Dialect) -> [SQL] {
        let table: SQL
        switch dialect {
        case .postgres:
            table = """
                SELECT jobs.id AS job_id, COALESCE(input ->> 'sha256', input ->> 'job') AS source
                FROM jobs JOIN job_classes ON job_classes.id = class_id
                    CROSS JOIN LATERAL jsonb_array_elements(
                        CASE WHEN kind IN ('compute', 'manual') AND spec LIKE '%"inputs":[{%'
                            THEN CAST(spec AS jsonb) -> 'inputs' ELSE '[]'::jsonb END) AS inputs (input)
                """
        case .sqlite:
            table = """
                SELECT jobs.id AS job_id,
                    COALESCE(json_extract(value, '$.sha256'), json_extract(value, '$.job')) AS source
                FROM jobs JOIN job_classes ON job_classes.id = class_id
                    JOIN json_each(CASE WHEN kind IN ('compute', 'manual') AND spec LIKE '%"inputs":[{%'
                        THEN spec ELSE '{}' END, '$.inputs')
                """
        }
        return [
            """
            INSERT INTO job_sources (source, job_id)
            SELECT DISTINCT source, job_id FROM (\(sql: table)) AS given WHERE source IS NOT NULL
            """
        ]
    }
}
