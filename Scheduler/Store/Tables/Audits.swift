internal import Domain

extension Transaction {
    func insertAudit(_ job: JobID, of bounty: Int64, isDryRun: Bool) throws {
        try executeLater(
            """
            INSERT INTO audits (job_id, bounty_id, is_dry_run, state, created_at)
            VALUES (\(job.text), \(bounty), \(isDryRun), 'waiting', \(now))
            """)
    }

    /// Writes what became of audits that waited for a worker.
    func writeAudits(_ audits: [Audit]) throws {
        for audit in audits {
            let written = try execute(
                """
                UPDATE audits SET state = \(audit.state.rawValue), passed = \(audit.report?.passed),
                    failed = \(audit.report?.failed), log = \(audit.report?.log), reason = \(audit.reason),
                    reported_at = \(audit.reportedAt), settles_at = \(audit.settlesAt)
                WHERE job_id = \(audit.job.text) AND state = 'waiting'
                """)
            guard written == 1 else { throw InternalError("an audit that was waiting was ended by another") }
        }
    }

    /// A report that waits for its time is disputed; false when there is none.
    func disputeAudit(_ job: JobID, reason: String) throws -> Bool {
        try execute(
            """
            UPDATE audits SET state = 'disputed', reason = \(reason), settles_at = NULL
            WHERE job_id = \(job.text) AND state = 'reported'
            """) == 1
    }

    /// A report that waited for its time is carried out; false when it isn't waiting any more.
    func markSettled(_ job: JobID) throws -> Bool {
        try execute(
            "UPDATE audits SET state = 'settled', settles_at = NULL WHERE job_id = \(job.text) AND state = 'reported'"
        ) == 1
    }

    /// The task of an audit has ended otherwise.
    func supersedeAudit(_ job: JobID) throws {
        try executeLater(
            """
            UPDATE audits SET state = 'superseded', settles_at = NULL
            WHERE job_id = \(job.text) AND state IN ('waiting', 'reported', 'disputed', 'failed')
            """)
    }
}
