import Bytes
import Domain
import Store

/// The books as one read transaction sees them, beside what jobs and withdrawals say.
struct MoneySnapshot: Sendable {
    /// What is wrong, in words; nothing when all is well.
    var flaws: [String] = []
    var transfers: Int64 = 0
    var heldUSDT: Int64 = 0
    var heldPoints: Int64 = 0

    /// - Parameter full: adds up every transfer as well, which takes longer as the books grow.
    static func take(_ database: Database, full: Bool) async throws -> MoneySnapshot {
        try await database.read { try read($0, full: full) }
    }

    static func read(_ tx: Transaction, full: Bool) throws -> MoneySnapshot {
        var snapshot = MoneySnapshot()
        for (sentence, query) in sentences + points + (full ? sums : []) {
            snapshot.flaws += try tx.rows(query) { try $0.text() }.map { "\(sentence): \($0)" }
        }
        snapshot.flaws += try tx.bookFindings(full: full).filter { $0.breaches > 0 }
            .map { "the server's own check: \($0.check) at \($0.example ?? "?")" }
        snapshot.transfers = try tx.number("SELECT COUNT(*) FROM ledger_transfers")
        snapshot.heldUSDT = try tx.number(
            """
            SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_accounts
            WHERE kind = 'held' AND asset = 'USDT'
            """)
        snapshot.heldPoints = try tx.number(
            """
            SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_accounts
            WHERE kind = 'held' AND asset = 'POINTS'
            """)
        return snapshot
    }

    private static let sentences: [(String, SQL)] = [
        (
            "every asset sums to zero",
            "SELECT asset FROM ledger_accounts GROUP BY asset HAVING SUM(balance) <> 0"
        ),
        (
            "no balance is below zero",
            "SELECT id FROM ledger_accounts WHERE balance < 0 AND kind <> 'external'"
        ),
        (
            "what came in is what went out, and what is there",
            """
            SELECT 'USDT' WHERE
                (SELECT COALESCE(SUM(CASE reason WHEN 'deposit' THEN amount ELSE 0 - amount END), 0)
                    FROM ledger_transfers WHERE reason IN ('deposit', 'withdrawal'))
                <> (SELECT COALESCE(SUM(balance), 0) FROM ledger_accounts
                    WHERE asset = 'USDT' AND kind <> 'external')
            """
        ),
        (
            "an owner's held money is that of its live jobs and its open withdrawals",
            """
            SELECT id FROM ledger_accounts WHERE kind = 'held' AND asset = 'USDT' AND balance <>
                (SELECT COALESCE(SUM(held), 0) FROM live_jobs WHERE live_jobs.owner_id = ledger_accounts.owner_id)
                + (SELECT COALESCE(SUM(amount), 0) FROM withdrawals
                    WHERE withdrawals.owner_id = ledger_accounts.owner_id AND state IN ('requested', 'approved'))
            """
        ),
        (
            "a live job's money is its pending hold",
            """
            SELECT live_jobs.id FROM live_jobs LEFT JOIN holds
                ON holds.id = 'job:' || live_jobs.id || '/' || hold_number AND holds.state = 'pending'
            WHERE live_jobs.held <> COALESCE(holds.amount - holds.posted, 0)
            """
        ),
        (
            "held money is in a pending hold",
            """
            SELECT id FROM ledger_accounts WHERE kind = 'held' AND asset = 'USDT' AND balance <>
                (SELECT COALESCE(SUM(amount - posted), 0) FROM holds
                    WHERE holds.owner_id = ledger_accounts.owner_id AND holds.asset = ledger_accounts.asset
                        AND state = 'pending')
            """
        ),
        (
            "an open withdrawal's money is its pending hold",
            """
            SELECT withdrawals.id FROM withdrawals LEFT JOIN holds
                ON holds.id = 'withdrawal:' || withdrawals.id AND holds.state = 'pending'
            WHERE (withdrawals.state IN ('requested', 'approved'))
                <> (COALESCE(holds.amount - holds.posted, 0) = withdrawals.amount)
            """
        ),
    ]

    private static let points: [(String, SQL)] = [
        (
            "there are a hundred points for each member",
            """
            SELECT 'POINTS' WHERE 100 * (SELECT COUNT(*) FROM members)
                <> (SELECT COALESCE(SUM(balance), 0) FROM ledger_accounts
                    WHERE asset = 'POINTS' AND kind <> 'external')
            """
        ),
        (
            "held points are what tasks have in escrow",
            """
            SELECT id FROM ledger_accounts WHERE kind = 'held' AND asset = 'POINTS' AND balance <>
                (SELECT COALESCE(SUM(poster_escrow), 0) FROM bounties WHERE author_id = ledger_accounts.owner_id)
                + (SELECT COALESCE(SUM(assignee_escrow), 0) FROM bounties
                    WHERE claimed_by = ledger_accounts.owner_id)
            """
        ),
        (
            "a task's escrow is nothing, its bounty, or its bounty and its deposit",
            """
            SELECT CAST(id AS TEXT) FROM bounties WHERE NOT (poster_escrow = 0 AND assignee_escrow = 0
                OR poster_escrow = points AND assignee_escrow = 0 AND status = 0
                OR poster_escrow = points AND assignee_escrow = (points + 5) / 10 AND status IN (1, 2, 3))
            """
        ),
    ]

    private static let sums: [(String, SQL)] = [
        (
            "an account stands where its transfers left it",
            """
            WITH moves (account, amount) AS
                (SELECT credit, amount FROM ledger_transfers UNION ALL SELECT debit, 0 - amount FROM ledger_transfers),
            sums (account, total, lines) AS (SELECT account, SUM(amount), COUNT(*) FROM moves GROUP BY account)
            SELECT id FROM ledger_accounts LEFT JOIN sums ON account = id
            WHERE balance <> COALESCE(total, 0) OR ledger_accounts.lines <> COALESCE(sums.lines, 0)
            """
        ),
        (
            "a task's escrow is what its transfers left in it",
            """
            WITH moves (post, total) AS
                (SELECT CAST(substr(reference, 6) AS BIGINT),
                    SUM(CASE WHEN credit LIKE '%/held' THEN amount WHEN debit LIKE '%/held' THEN 0 - amount ELSE 0 END)
                FROM ledger_transfers WHERE reference LIKE 'post:%' GROUP BY reference)
            SELECT 'post:' || post FROM moves LEFT JOIN bounties ON bounties.id = post
            WHERE total <> COALESCE(poster_escrow + assignee_escrow, 0)
            """
        ),
        (
            "no job costs more than its price",
            """
            WITH payments (job, total) AS
                (SELECT reference, SUM(amount) FROM ledger_transfers WHERE reason = 'job_payment' GROUP BY reference)
            SELECT job FROM payments LEFT JOIN jobs ON jobs.id = job WHERE total > COALESCE(max_price, 0)
            """
        ),
    ]
}

extension Transaction {
    func number(_ query: SQL) throws -> Int64 { try first(query) { try $0.integer() } ?? 0 }
}
