package import Domain

extension Transaction {
    private static let auditColumns: StaticString = """
        job_id, bounty_id, is_dry_run, state, passed, failed, log, reason, created_at, reported_at, settles_at
        """

    /// A task's audits, the newest first.
    package func audits(of bounty: Int64, limit: Int) throws -> [Audit] {
        try audits("bounty_id = \(bounty) ORDER BY created_at DESC, job_id DESC LIMIT \(limit)")
    }

    func audits(_ jobs: [JobID]) throws -> [JobID: Audit] {
        let found = try audits("job_id \(in: jobs.map(\.text))")
        return Dictionary(found.map { ($0.job, $0) }) { first, _ in first }
    }

    /// Reports whose time to settle has come.
    func dueAudits(_ picking: Picking) throws -> [Audit] {
        try audits(
            """
            state = 'reported' AND settles_at IS NOT NULL AND settles_at <= \(now)
                AND NOT (job_id \(in: picking.except))
            ORDER BY settles_at LIMIT \(picking.limit)
            """)
    }

    func isAuditWaiting(of bounty: Int64) throws -> Bool {
        try first("SELECT 1 FROM audits WHERE bounty_id = \(bounty) AND state = 'waiting' LIMIT 1") {
            try $0.integer()
        } != nil
    }

    private func audits(_ condition: SQL) throws -> [Audit] {
        try rows("SELECT \(raw: Self.auditColumns) FROM audits WHERE \(sql: condition)") { row in
            let (job, bounty, isDryRun) = try (JobID(row.text()), row.integer(), row.bool())
            let state: Audit.State = try row.word()
            let (passed, failed) = try (row.optionalInteger(), row.optionalInteger())
            let (log, reason) = try (row.optionalText(), row.optionalText())
            var report: AuditReport?
            if let passed, let failed {
                report = AuditReport(passed: passed, failed: failed, total: passed + failed, log: log ?? "")
            }
            return try Audit(
                job: job, bounty: bounty, isDryRun: isDryRun, state: state, report: report, reason: reason,
                createdAt: row.integer(), reportedAt: row.optionalInteger(), settlesAt: row.optionalInteger())
        }
    }
}
