package import Bytes
package import Domain

/// A piece of a job's log.
package struct LogPiece: Sendable {
    /// Grows within the job; not gap-free.
    package var seq: Int64
    package var fence: Int64
    package var content: RawText
    package var at: Int64

    package var text: String { content.readable }
}

/// A file that a job brought forth or was given.
package struct Artifact: Sendable {
    package var path: String
    /// SHA-256 hex of the content.
    package var hash: String
    package var size: Int64
    package var fence: Int64
    package var createdAt: Int64
}

extension Transaction {
    package func log(of job: JobID, after seq: Int64, limit: Int64) throws -> [LogPiece] {
        try rows(
            """
            SELECT seq, fence, text, raw, at FROM job_logs WHERE job_id = \(job.text) AND seq > \(seq)
            ORDER BY job_id, seq LIMIT \(limit)
            """
        ) { row in
            let (seq, fence, text, raw) = try (row.integer(), row.integer(), row.text(), row.optionalBytes())
            return try LogPiece(
                seq: seq, fence: fence, content: raw.map { RawText($0) } ?? RawText(text), at: row.integer())
        }
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
        try artifacts([JobOutput(job: job, path: ExactText(path))]).values.first
    }

    /// Those of these files that are there.
    func artifacts(_ outputs: [JobOutput]) throws -> [JobOutput: Artifact] {
        let wanted = SQL.Rows("wanted", ["job", "place"], of: outputs) { [.text($0.job.text), .text($0.path.text)] }
        let found = try rows(
            """
            SELECT job_id, path, hash, size, fence, created_at FROM artifacts\(and: wanted)
            WHERE job_id \(is: wanted.job) AND path = \(wanted.place)
            """
        ) { row in
            let job = try JobID(row.text())
            let artifact = try Artifact(
                path: row.text(), hash: row.text(), size: row.integer(), fence: row.integer(),
                createdAt: row.integer())
            return (JobOutput(job: job, path: ExactText(artifact.path)), artifact)
        }
        return Dictionary(found) { first, _ in first }
    }

    package func blobChunk(_ hash: String, number: Int64) throws -> [UInt8]? {
        try first(
            """
            SELECT bytes FROM blob_chunks
            WHERE hash \(.isFound) SELECT COALESCE(content, hash) FROM blobs WHERE blobs.hash = \(hash) \(.end)
                AND number = \(number)
            """
        ) { try $0.bytes() }
    }

    /// The sizes of what of these contents the owner has uploaded, by their hashes.
    package func uploads(_ hashes: [String], owner: OwnerID) throws -> [String: Int64] {
        let found = try rows(
            """
            SELECT uploads.hash, size FROM uploads JOIN blobs ON blobs.hash = uploads.hash
            WHERE owner_id = \(owner.text) AND uploads.hash \(in: hashes)
            """
        ) { row in try (row.text(), row.integer()) }
        return Dictionary(found) { first, _ in first }
    }

    /// The bytes of an upload from an offset on, as far as one piece goes.
    package func uploadChunk(_ id: Int64, start: Int64) throws -> [UInt8]? {
        try first("SELECT bytes FROM partial_chunks WHERE upload_id = \(id) AND start = \(start)") {
            try $0.bytes()
        }
    }
}
