internal import Domain

/// Content on its way into the store: zstd-compressed chunks and what they hold.
package struct Blob: Sendable {
    /// SHA-256 hex of the content before compression.
    package var hash: String
    /// Bytes before compression.
    package var size: Int64
    package var chunks: [[UInt8]]

    package init(hash: String, size: Int64, chunks: [[UInt8]]) {
        self.hash = hash
        self.size = size
        self.chunks = chunks
    }
}

extension Transaction {
    /// Stores content once, whoever brings it; it stays until the commit, in which something refers to it.
    func insertBlob(_ blob: Blob) throws {
        // What another transaction is about to take away is waited for, and then stored anew.
        for _ in 0..<3 {
            if try insertNewBlob(blob) { return }
            let kept = try first("SELECT hash FROM blobs WHERE hash = \(blob.hash) \(.keepRows)") { try $0.text() }
            if kept != nil { return }
        }
        throw DatabaseError.conflict(constraint: "blobs")
    }

    /// False when it is stored.
    private func insertNewBlob(_ blob: Blob) throws -> Bool {
        let stored = Int64(blob.chunks.reduce(0) { $0 + $1.count })
        let isNew =
            try execute(
                """
                INSERT INTO blobs (hash, size, stored_size, created_at)
                VALUES (\(blob.hash), \(blob.size), \(stored), \(now)) ON CONFLICT (hash) DO NOTHING
                """) == 1
        guard isNew else { return false }
        for (number, chunk) in blob.chunks.enumerated() {
            try executeLater("INSERT INTO blob_chunks (hash, number, bytes) VALUES (\(blob.hash), \(number), \(chunk))")
        }
        return true
    }

    /// Notes that an owner has brought content, at this time; false when it had before.
    func insertUpload(_ hash: String, owner: OwnerID) throws -> Bool {
        // One that is being taken away is waited for, and then noted anew.
        for _ in 0..<3 {
            let isNew =
                try execute(
                    """
                    INSERT INTO uploads (owner_id, hash, created_at) VALUES (\(owner.text), \(hash), \(now))
                    ON CONFLICT (owner_id, hash) DO NOTHING
                    """) == 1
            if isNew { return true }
            let isKnown =
                try execute(
                    "UPDATE uploads SET created_at = \(now) WHERE owner_id = \(owner.text) AND hash = \(hash)") == 1
            if isKnown { return false }
        }
        throw DatabaseError.conflict(constraint: "uploads")
    }

    func upsertArtifact(_ job: JobID, path: String, blob: Blob, fence: Int64) throws {
        try executeLater(
            """
            INSERT INTO artifacts (job_id, path, hash, size, fence, created_at)
            VALUES (\(job.text), \(path), \(blob.hash), \(blob.size), \(fence), \(now))
            ON CONFLICT (job_id, path) DO UPDATE SET hash = excluded.hash, size = excluded.size,
                fence = excluded.fence, created_at = excluded.created_at
            WHERE artifacts.fence <= excluded.fence
            """)
    }

    func countArtifacts(of job: JobID, besides path: String) throws -> Int64 {
        try first("SELECT COUNT(*) FROM artifacts WHERE job_id = \(job.text) AND path <> \(path)") {
            try $0.integer()
        } ?? 0
    }

    /// How many other files a job has, and the content that it has under this path.
    func artifactsBefore(
        _ path: String, of job: JobID
    ) throws -> (others: Int64, replaced: String?, replacedBytes: Int64) {
        try first(
            """
            SELECT CAST(COALESCE(SUM(CASE WHEN path = \(path) THEN 0 ELSE 1 END), 0) AS BIGINT),
                MAX(CASE WHEN path = \(path) THEN hash END), MAX(CASE WHEN path = \(path) THEN size ELSE 0 END)
            FROM artifacts WHERE job_id = \(job.text)
            """
        ) { row in try (row.integer(), row.optionalText(), row.optionalInteger() ?? 0) } ?? (0, nil, 0)
    }
}
