internal import Domain

/// A piece of a file that comes in several calls.
package struct Piece: Sendable {
    package var path: String
    /// How the whole is packed: `identity` or `zstd`.
    package var coding: String
    /// Where in the packed whole it begins, in bytes.
    package var start: Int64
    /// Bytes of the packed whole.
    package var total: Int64
    package var bytes: [UInt8]

    package init(path: String, coding: String, start: Int64, total: Int64, bytes: [UInt8]) {
        self.path = path
        self.coding = coding
        self.start = start
        self.total = total
        self.bytes = bytes
    }

    /// Whether the whole ends with it.
    package var isLast: Bool { start + Int64(bytes.count) == total }
}

/// Where the upload of a file stands, under one lease.
package struct PartialUpload: Sendable {
    package var id: Int64
    /// Whose stored bytes its pieces are counted among; nil for one that began before they were counted.
    var owner: OwnerID?
    package var coding: String
    package var total: Int64
    /// Bytes of the packed whole; all of them when the file is stored.
    package var received: Int64
    /// Once it is stored.
    package var stored: Stored?

    package struct Stored: Sendable {
        /// SHA-256 hex of the content.
        package var hash: String
        /// Bytes of the content.
        package var size: Int64
        /// The piece that ended it: where it began, and the SHA-256 hex of its bytes.
        var lastStart: Int64
        var lastHash: String
    }
}

/// An upload that was taken away.
struct DeletedUpload {
    let id: Int64
    let owner: OwnerID?
    /// Of its pieces, as far as they were counted among what the owner has stored.
    let bytes: Int64

    static let columns: StaticString = "id, owner_id, CASE WHEN hash IS NULL THEN received ELSE 0 END"

    init(_ row: inout Row) throws {
        id = try row.integer()
        owner = try row.optionalText().map { OwnerID($0) }
        bytes = try row.integer()
    }
}

extension Transaction {
    func upload(_ job: JobID, fence: Int64, path: String) throws -> PartialUpload? {
        try first(
            """
            SELECT id, owner_id, coding, total, received, hash, size, last_start, last_hash FROM partial_uploads
            WHERE job_id = \(job.text) AND fence = \(fence) AND path = \(path)
            """
        ) { row in
            var upload = try PartialUpload(
                id: row.integer(), owner: row.optionalText().map { OwnerID($0) }, coding: row.text(),
                total: row.integer(), received: row.integer())
            guard let hash = try row.optionalText() else { return upload }
            upload.stored = try .init(
                hash: hash, size: row.integer(), lastStart: row.integer(), lastHash: row.text())
            return upload
        }
    }

    /// Begins an upload; nil when another is under way.
    func insertUpload(_ job: JobID, owner: OwnerID, fence: Int64, _ piece: Piece) throws -> PartialUpload? {
        try first(
            """
            INSERT INTO partial_uploads (job_id, owner_id, fence, path, coding, total, created_at)
            VALUES (\(job.text), \(owner.text), \(fence), \(piece.path), \(piece.coding), \(piece.total), \(now))
            ON CONFLICT (job_id, fence, path) DO NOTHING RETURNING id
            """
        ) { row in
            try PartialUpload(id: row.integer(), owner: owner, coding: piece.coding, total: piece.total, received: 0)
        }
    }

    /// Adds a piece to an upload that stands exactly where the piece begins; false when it doesn't.
    func append(_ piece: Piece, to id: Int64) throws -> Bool {
        let moved = try execute(
            """
            UPDATE partial_uploads SET received = received + \(piece.bytes.count)
            WHERE id = \(id) AND received = \(piece.start) AND hash IS NULL
            """)
        guard moved == 1 else { return false }
        try executeLater(
            "INSERT INTO partial_chunks (upload_id, start, bytes) VALUES (\(id), \(piece.start), \(piece.bytes))")
        return true
    }

    /// An upload that stands exactly where its last piece begins is whole; false when it doesn't.
    func completeUpload(_ id: Int64, _ stored: PartialUpload.Stored) throws -> Bool {
        try execute(
            """
            UPDATE partial_uploads SET received = total, hash = \(stored.hash), size = \(stored.size),
                last_start = \(stored.lastStart), last_hash = \(stored.lastHash)
            WHERE id = \(id) AND received = \(stored.lastStart) AND hash IS NULL
            """) == 1
    }

    func deleteChunks(of ids: [Int64]) throws {
        guard !ids.isEmpty else { return }
        try executeLater("DELETE FROM partial_chunks WHERE upload_id \(in: ids)")
    }

    /// Takes away an upload under way or done; the file that it stored stays.
    func deleteUpload(_ job: JobID, fence: Int64, path: String) throws -> [DeletedUpload] {
        try rows(
            """
            DELETE FROM partial_uploads WHERE job_id = \(job.text) AND fence = \(fence) AND path = \(path)
            RETURNING \(raw: DeletedUpload.columns)
            """
        ) { try DeletedUpload(&$0) }
    }

    /// Takes away an upload unless it is stored by now.
    func deleteUpload(_ id: Int64) throws -> [DeletedUpload] {
        try rows(
            "DELETE FROM partial_uploads WHERE id = \(id) AND hash IS NULL RETURNING \(raw: DeletedUpload.columns)"
        ) { try DeletedUpload(&$0) }
    }

    func countUploads(_ job: JobID, fence: Int64, besides path: String) throws -> Int64 {
        try first(
            """
            SELECT COUNT(*) FROM partial_uploads WHERE job_id = \(job.text) AND fence = \(fence) AND path <> \(path)
                AND hash IS NULL
            """
        ) { try $0.integer() } ?? 0
    }

    /// Takes away the uploads of leases that are over, and those begun before an instant.
    func deleteUploads(olderThan instant: Int64, limit: Int) throws -> [DeletedUpload] {
        try rows(
            """
            DELETE FROM partial_uploads WHERE id IN (SELECT id FROM partial_uploads AS old
                WHERE created_at <= \(instant) OR NOT EXISTS (SELECT 1 FROM live_jobs
                    WHERE live_jobs.id = old.job_id AND live_jobs.fence = old.fence AND state = \(.running))
                LIMIT \(limit))
            RETURNING \(raw: DeletedUpload.columns)
            """
        ) { try DeletedUpload(&$0) }
    }

    /// What a job has brought forth so far, and what is on its way under a lease: bytes, packed for what is on its way.
    func outputSizes(of job: JobID, fence: Int64) throws -> [(path: String, bytes: Int64)] {
        try rows(
            """
            SELECT path, size FROM artifacts WHERE job_id = \(job.text)
            UNION ALL SELECT path, total FROM partial_uploads
            WHERE job_id = \(job.text) AND fence = \(fence) AND hash IS NULL
            """
        ) { row in try (row.text(), row.integer()) }
    }
}
