internal import Domain

/// Content on its way into the store: zstd-compressed chunks and what they hold.
package struct Blob: Sendable {
    /// Chunks that were written while they came.
    package struct Staged: Sendable {
        /// Under which they are stored: a UUID, so no hash.
        package let id: String
        package var count: Int64 = 0
        package var bytes: Int64 = 0

        package init(id: String) { self.id = id }
    }

    /// SHA-256 hex of the content before compression.
    package var hash: String
    /// Bytes before compression.
    package var size: Int64
    /// All of them, unless they are staged.
    package var chunks: [[UInt8]]
    package var staged: Staged?

    package init(hash: String, size: Int64, chunks: [[UInt8]], staged: Staged? = nil) {
        self.hash = hash
        self.size = size
        self.chunks = chunks
        self.staged = staged
    }

    /// Bytes in memory.
    var weight: Int { chunks.reduce(0) { $0 + $1.count } }
}

extension Transaction {
    /// Stores content once, whoever brings it; it stays until the commit, in which something refers to it. Its chunks
    /// are stored under `COALESCE(content, hash)`: who takes a blob away takes those.
    func insertBlob(_ blob: Blob) throws {
        // What another transaction is about to take away is waited for, and then stored anew.
        for _ in 0..<3 {
            if try insertNewBlob(blob) { return }
            let kept = try first("SELECT hash FROM blobs WHERE hash = \(blob.hash) \(.keepRows)") { try $0.text() }
            if kept != nil { return }
        }
        throw DatabaseError.conflict(constraint: "blobs")
    }

    /// False when it is stored: what is there already stays, and what was staged in vain is taken away by who staged
    /// it.
    private func insertNewBlob(_ blob: Blob) throws -> Bool {
        let stored = blob.staged?.bytes ?? Int64(blob.weight)
        let isNew =
            try execute(
                """
                INSERT INTO blobs (hash, size, stored_size, content, created_at)
                VALUES (\(blob.hash), \(blob.size), \(stored), \(blob.staged?.id), \(now))
                ON CONFLICT (hash) DO NOTHING
                """) == 1
        guard isNew else { return false }
        if let staged = blob.staged {
            guard try deleteStaged(staged.id) else {
                throw DatabaseError.busy("what had come was pruned: send it once more")
            }
            return true
        }
        for (number, chunk) in zip(Int64(0)..., blob.chunks) { try insertChunk(chunk, number, under: blob.hash) }
        return true
    }

    private func insertChunk(_ chunk: [UInt8], _ number: Int64, under content: String) throws {
        try executeLater("INSERT INTO blob_chunks (hash, number, bytes) VALUES (\(content), \(number), \(chunk))")
    }

    /// Notes that content is being written under this id.
    func insertStaged(_ id: String) throws {
        try executeLater("INSERT INTO staged_contents (id, touched_at) VALUES (\(id), \(now))")
    }

    /// Notes that it still is; false when it was taken away meanwhile.
    func touchStaged(_ id: String) throws -> Bool {
        try execute("UPDATE staged_contents SET touched_at = \(now) WHERE id = \(id)") == 1
    }

    func insertStagedChunks(_ chunks: [[UInt8]], of staged: Blob.Staged) throws {
        for (number, chunk) in zip(staged.count..., chunks) { try insertChunk(chunk, number, under: staged.id) }
    }

    /// What was staged is a blob's, or is to go; false when it isn't there.
    func deleteStaged(_ id: String) throws -> Bool {
        try execute("DELETE FROM staged_contents WHERE id = \(id)") == 1
    }

    /// Takes away the notes of what nobody has gone on with since an instant. Returns the ids.
    func deleteStaged(olderThan instant: Int64, limit: Int) throws -> [String] {
        try rows(
            """
            DELETE FROM staged_contents WHERE id IN
                (SELECT id FROM staged_contents WHERE touched_at <= \(instant) ORDER BY touched_at LIMIT \(limit))
            RETURNING id
            """
        ) { try $0.text() }
    }

    func deleteContents(_ ids: [String]) throws {
        guard !ids.isEmpty else { return }
        try executeLater("DELETE FROM blob_chunks WHERE hash \(in: ids)")
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
