extension Migration {
    /// Files that come in pieces, until they are whole (decision 0012).
    static let uploads = Migration(name: "0003_uploads") { _ in
        [
            """
            CREATE TABLE partial_uploads (
                id \(.autoKey),
                job_id \(.text) NOT NULL,
                fence BIGINT NOT NULL,
                path \(.text) NOT NULL,
                coding \(.text) NOT NULL CHECK (coding IN ('identity', 'zstd')),
                total BIGINT NOT NULL CHECK (total > 0),
                received BIGINT NOT NULL DEFAULT 0 CHECK (received BETWEEN 0 AND total),
                last_start BIGINT,
                last_hash \(.text),
                hash \(.text),
                size BIGINT,
                created_at BIGINT NOT NULL,
                UNIQUE (job_id, fence, path),
                CHECK ((received = total) = (hash IS NOT NULL)))
            """,
            "CREATE INDEX partial_uploads_by_age ON partial_uploads (created_at)",
            """
            CREATE TABLE partial_chunks (
                upload_id BIGINT NOT NULL,
                start BIGINT NOT NULL,
                bytes \(.bytesType) NOT NULL,
                PRIMARY KEY (upload_id, start))
            """,
        ]
    }
}
