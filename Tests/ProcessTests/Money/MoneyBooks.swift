import Domain
import Store

/// Everything that the database says of money when all is over.
struct MoneyBooks: Sendable {
    struct Job: Sendable {
        let id: String
        let maxPrice: Int64
        let state: String
    }

    /// A grant that ended, with what it earned.
    struct Attempt: Sendable {
        /// The job and its fence: `JOB/3`.
        let name: String
        let outcome: String
        let worked: Int64
        let pay: Int64

        var isAccepted: Bool { ["success", "failure", "timeout"].contains(outcome) }
    }

    struct Withdrawal: Sendable {
        let id: String
        let amount: Int64
        let state: String
    }

    /// By title.
    var jobs: [String: [Job]] = [:]
    var attempts: [Attempt] = []
    /// Amounts of payments, by job and fence.
    var payments: [String: [Int64]] = [:]
    /// Amounts, by reference.
    var deposits: [String: [Int64]] = [:]
    /// By address.
    var withdrawals: [String: [Withdrawal]] = [:]
    var bounties = BountyBooks()

    static func read(_ database: Database) async throws -> MoneyBooks {
        try await database.read { tx in
            var books = MoneyBooks()
            for (title, job) in try tx.rows(
                """
                SELECT jobs.title, jobs.id, COALESCE(max_price, 0), COALESCE(live_jobs.state, ended_jobs.state)
                FROM jobs LEFT JOIN live_jobs ON live_jobs.id = jobs.id LEFT JOIN ended_jobs ON ended_jobs.id = jobs.id
                """,
                { row in try (row.text(), Job(id: row.text(), maxPrice: row.integer(), state: row.text())) })
            {
                books.jobs[title, default: []].append(job)
            }
            books.attempts = try tx.rows(
                """
                SELECT job_id || '/' || fence, outcome, ended_at - started_at, pay FROM attempts
                    WHERE job_id NOT IN (SELECT job_id FROM audits)
                UNION ALL
                SELECT id || '/' || fence, COALESCE(status, state), ended_at - claimed_at, pay FROM ended_jobs
                    WHERE claimed_at IS NOT NULL AND id NOT IN (SELECT job_id FROM audits)
                """
            ) { row in
                try Attempt(
                    name: row.text(), outcome: row.text(), worked: row.optionalInteger() ?? 0, pay: row.integer())
            }
            // `job:ID/HOLD/pay/FENCE`
            for (id, job, amount) in try tx.rows(
                "SELECT id, reference, amount FROM ledger_transfers WHERE reason = 'job_payment'",
                { row in try (row.text(), row.text(), row.integer()) })
            {
                let fence = id.split(separator: "/").last ?? ""
                books.payments["\(job)/\(fence)", default: []].append(amount)
            }
            for (reference, amount) in try tx.rows(
                "SELECT reference, amount FROM ledger_transfers WHERE reason = 'deposit'",
                { row in try (row.text(), row.integer()) })
            {
                books.deposits[reference, default: []].append(amount)
            }
            for (address, withdrawal) in try tx.rows(
                "SELECT address, id, amount, state FROM withdrawals",
                { row in try (row.text(), Withdrawal(id: row.text(), amount: row.integer(), state: row.text())) })
            {
                books.withdrawals[address, default: []].append(withdrawal)
            }
            books.bounties = try BountyBooks.read(tx)
            return books
        }
    }
}
