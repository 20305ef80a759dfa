import Domain
import Store

/// Everything that the database says of bounties when all is over.
struct BountyBooks: Sendable {
    struct Task: Sendable {
        let id: String
        let title: String
        let points: Int64
        let status: Bounty.Status
        /// What is still held for it.
        let escrow: Int64
        /// The member's handle.
        let assignee: String?
    }

    /// A transfer of a task's points.
    struct Move: Sendable, Equatable {
        /// `bounty`, `deposit`, `payout`, `refund`, `release` or `forfeit`.
        let name: String
        let amount: Int64
        let from: String
    }

    struct Audit: Sendable {
        let task: String
        let state: String
        let passed: Int64
    }

    var tasks: [Task] = []
    /// By the task's id, also of tasks that were deleted.
    var moves: [String: [Move]] = [:]
    /// The bonuses of each member, by handle.
    var bonuses: [String: [Int64]] = [:]
    /// By job; dry runs left out.
    var audits: [String: Audit] = [:]

    static func read(_ tx: Transaction) throws -> BountyBooks {
        var books = BountyBooks()
        books.tasks = try tx.rows(
            """
            SELECT bounties.id, title, points, status, poster_escrow + assignee_escrow,
                (SELECT handle FROM members WHERE members.id = claimed_by)
            FROM bounties ORDER BY bounties.id
            """
        ) { row in
            try Task(
                id: String(row.integer()), title: row.text(), points: row.integer(),
                status: Bounty.Status(rank: row.integer()) ?? .open, escrow: row.integer(), assignee: row.optionalText()
            )
        }
        // `post:ID/NAME`
        for (id, post, amount, from) in try tx.rows(
            """
            SELECT ledger_transfers.id, reference, amount, COALESCE(handle, debit)
            FROM ledger_transfers JOIN ledger_accounts ON ledger_accounts.id = debit
            LEFT JOIN members ON members.id = owner_id
            WHERE reference LIKE 'post:%'
            """,
            { row in try (row.text(), row.text(), row.integer(), row.text()) })
        {
            let name = id.split(separator: "/").last.map(String.init) ?? ""
            let task = String(post.dropFirst("post:".count))
            books.moves[task, default: []].append(Move(name: name, amount: amount, from: from))
        }
        for (handle, amount) in try tx.rows(
            """
            SELECT COALESCE(handle, members.id), amount
            FROM members LEFT JOIN ledger_transfers ON ledger_transfers.id = 'bonus:' || members.id
            """,
            { row in try (row.text(), row.optionalInteger()) })
        {
            books.bonuses[handle, default: []] += amount.map { [$0] } ?? []
        }
        for (job, audit) in try tx.rows(
            "SELECT job_id, bounty_id, state, COALESCE(passed, 0) FROM audits WHERE is_dry_run = 0",
            { row in
                try (row.text(), Audit(task: String(row.integer()), state: row.text(), passed: row.integer()))
            })
        {
            books.audits[job] = audit
        }
        return books
    }
}
