internal import Bytes
internal import Domain

extension Transaction {
    /// A job's log is kept up to this many bytes in all; what comes after is dropped with a last line saying so.
    static let logLimit: Int64 = 4 * 1_048_576

    /// Adds what is new of a piece. `offset`: how many bytes of the lease's log came before it; what is known of it is
    /// dropped, and one that begins ahead of what is known is taken as it is. Whoever calls holds the job's row, so
    /// that of two at the same moment the second sees the first's.
    func appendLog(_ text: RawText, offset: Int64?, job: JobID, fence: Int64) throws {
        let received = try received(of: job, fence: fence)
        let (all, known) = received
        let start = offset ?? known
        // Bytes are counted as they were said, also where nothing of them is kept: so offsets go on when it is full.
        let gained = start + Int64(text.bytes.count) - known
        guard gained > 0 else { return }
        let new = start < known ? text.suffix(behind: Int(known - start)) : text
        // When it is full, a line says so once for each lease.
        if all > Self.logLimit || new.isEmpty, try countOn(gained, job: job, fence: fence) { return }
        let isFull = all + gained > Self.logLimit
        try insertLog(isFull ? Self.fullLine : new, bytes: gained, received, job: job, fence: fence)
    }

    private static let fullLine: RawText = "[log full: the rest is not kept]\n"

    /// How many bytes of log were taken of a job, and of one of its leases: each piece keeps the sums so far. Fences
    /// only grow, so that a piece of this lease is the job's last.
    private func received(of job: JobID, fence: Int64) throws -> (all: Int64, lease: Int64) {
        let last = try first(
            """
            SELECT fence, total, lease_total FROM job_logs WHERE job_id = \(job.text)
            ORDER BY job_id DESC, seq DESC LIMIT 1
            """
        ) { row in try (fence: row.integer(), all: row.optionalInteger(), lease: row.optionalInteger()) }
        guard let last else { return (0, 0) }
        if let all = last.all, let lease = last.lease { return (all, last.fence == fence ? lease : 0) }
        // From before the sums were kept.
        return try first(
            """
            SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT),
                CAST(COALESCE(SUM(CASE WHEN fence = \(fence) THEN bytes ELSE 0 END), 0) AS BIGINT)
            FROM job_logs WHERE job_id = \(job.text)
            """
        ) { row in try (row.integer(), row.integer()) } ?? (0, 0)
    }

    private func insertLog(
        _ text: RawText, bytes: Int64, _ before: (all: Int64, lease: Int64), job: JobID, fence: Int64
    ) throws {
        let exact = text.exact
        try executeLater(
            """
            INSERT INTO job_logs (job_id, fence, text, raw, bytes, total, lease_total, at)
            VALUES (\(job.text), \(fence), \(exact ?? ""), \(exact == nil ? text.bytes : nil), \(bytes),
                \(before.all + bytes), \(before.lease + bytes), \(now))
            """)
    }

    /// Counts bytes on the last piece of a lease; false when it has none.
    private func countOn(_ bytes: Int64, job: JobID, fence: Int64) throws -> Bool {
        try execute(
            """
            UPDATE job_logs SET bytes = bytes + \(bytes), total = total + \(bytes), lease_total = lease_total + \(bytes)
            WHERE seq = (SELECT seq FROM job_logs WHERE job_id = \(job.text) AND fence = \(fence)
                ORDER BY job_id DESC, seq DESC LIMIT 1)
            """) == 1
    }
}
