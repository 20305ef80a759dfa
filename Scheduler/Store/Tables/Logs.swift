package import Domain

/// A piece of a job's log.
package struct LogPiece: Sendable {
    /// Grows within the job; not gap-free.
    package var seq: Int64
    package var fence: Int64
    package var text: String
    package var at: Int64
}

extension Transaction {
    /// A job's log is kept up to this many bytes in all; what comes after is dropped with a last line saying so.
    package static let logLimit: Int64 = 4 * 1_048_576

    func appendLog(_ text: String, job: JobID, fence: Int64) throws {
        let written =
            try first("SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM job_logs WHERE job_id = \(job.text)") {
                try $0.integer()
            } ?? 0
        guard written <= Self.logLimit else { return }
        let size = Int64(text.utf8.count)
        let kept = written + size > Self.logLimit ? "[log full: the rest is not kept]\n" : text
        try execute(
            """
            INSERT INTO job_logs (job_id, fence, text, bytes, at)
            VALUES (\(job.text), \(fence), \(kept), \(size), \(now))
            """)
    }

    package func log(of job: JobID, after seq: Int64, limit: Int64) throws -> [LogPiece] {
        try rows(
            """
            SELECT seq, fence, text, at FROM job_logs WHERE job_id = \(job.text) AND seq > \(seq)
            ORDER BY job_id, seq LIMIT \(limit)
            """
        ) { row in
            try LogPiece(seq: row.integer(), fence: row.integer(), text: row.text(), at: row.integer())
        }
    }
}
