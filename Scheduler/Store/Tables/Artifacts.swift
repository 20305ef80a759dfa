package import Domain

/// A file that a job brought forth or was given.
package struct Artifact: Sendable {
    package var path: String
    /// SHA-256 hex of the content.
    package var hash: String
    package var size: Int64
    package var fence: Int64
    package var createdAt: Int64
}

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
    /// Stores content once, whoever brings it.
    func insertBlob(_ blob: Blob) throws {
        let stored = Int64(blob.chunks.reduce(0) { $0 + $1.count })
        let isNew =
            try execute(
                """
                INSERT INTO blobs (hash, size, stored_size, created_at)
                VALUES (\(blob.hash), \(blob.size), \(stored), \(now)) ON CONFLICT (hash) DO NOTHING
                """) == 1
        guard isNew else { return }
        for (number, chunk) in blob.chunks.enumerated() {
            try execute("INSERT INTO blob_chunks (hash, number, bytes) VALUES (\(blob.hash), \(number), \(chunk))")
        }
    }

    package func blobChunk(_ hash: String, number: Int64) throws -> [UInt8]? {
        try first("SELECT bytes FROM blob_chunks WHERE hash = \(hash) AND number = \(number)") { try $0.bytes() }
    }

    func insertUpload(_ hash: String, owner: OwnerID) throws {
        try execute(
            """
            INSERT INTO uploads (owner_id, hash, created_at) VALUES (\(owner.text), \(hash), \(now))
            ON CONFLICT (owner_id, hash) DO NOTHING
            """)
    }

    /// The size of content that this owner has uploaded; nil when it hasn't.
    package func upload(_ hash: String, owner: OwnerID) throws -> Int64? {
        try first(
            """
            SELECT size FROM uploads JOIN blobs ON blobs.hash = uploads.hash
            WHERE owner_id = \(owner.text) AND uploads.hash = \(hash)
            """
        ) { try $0.integer() }
    }

    func upsertArtifact(_ job: JobID, path: String, blob: Blob, fence: Int64) throws {
        try execute(
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

    package func artifacts(of job: JobID) throws -> [Artifact] {
        try rows(
            "SELECT path, hash, size, fence, created_at FROM artifacts WHERE job_id = \(job.text) ORDER BY path"
        ) { row in
            try Artifact(
                path: row.text(), hash: row.text(), size: row.integer(), fence: row.integer(),
                createdAt: row.integer())
        }
    }

    package func artifact(of job: JobID, path: String) throws -> Artifact? {
        try artifacts(of: job).first { $0.path == path }
    }
}
