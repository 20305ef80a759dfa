package import Domain

/// A sentence that the books must keep, and whether they do.
package struct BookFinding: Sendable {
    /// `sums_to_zero`, `no_negative_balance`, `holds_match`, `jobs_match`, `withdrawals_match`,
    /// `transfers_match`.
    package var check: String
    /// How many accounts, assets or holds break it; 0 when it holds.
    package var breaches: Int64
    /// One of them.
    package var example: String?
}

/// What an asset stands at, over all members.
package struct AssetTotal: Sendable {
    package var asset: Asset
    /// Minor units: what came in or was minted, less what went out; what can be spent; what is held.
    package var supply: Int64
    package var available: Int64
    package var held: Int64
}

extension Transaction {
    /// The online check of the ledger, in one snapshot.
    /// - Parameter full: also adds up every transfer that was ever posted; else only accounts and pending holds are
    ///   read.
    package func bookFindings(full: Bool) throws -> [BookFinding] {
        try planFreely()
        var findings = [
            try finding(
                "sums_to_zero",
                "SELECT asset AS example FROM ledger_accounts GROUP BY asset HAVING SUM(balance) <> 0"),
            try finding(
                "no_negative_balance",
                "SELECT id AS example FROM ledger_accounts WHERE kind <> 'external' AND balance < 0"),
            try finding(
                "holds_match",
                """
                SELECT id AS example FROM ledger_accounts LEFT JOIN (
                    SELECT owner, unit, SUM(part) AS total FROM (
                        SELECT owner_id AS owner, asset AS unit, amount - posted AS part FROM holds
                            WHERE state = 'pending'
                        UNION ALL SELECT author_id, 'POINTS', poster_escrow FROM bounties WHERE poster_escrow > 0
                        UNION ALL SELECT claimed_by, 'POINTS', assignee_escrow FROM bounties
                            WHERE poster_escrow > 0 AND assignee_escrow > 0
                    ) AS parts GROUP BY owner, unit
                ) AS due ON owner = owner_id AND unit = asset
                WHERE kind = 'held' AND balance <> COALESCE(total, 0)
                """),
            try finding(
                "jobs_match",
                """
                SELECT live_jobs.id AS example FROM live_jobs
                    LEFT JOIN holds ON holds.id = 'job:' || live_jobs.id || '/' || hold_number
                        AND holds.state = 'pending'
                WHERE live_jobs.held > 0 AND live_jobs.held <> COALESCE(holds.amount - holds.posted, 0)
                UNION ALL
                SELECT holds.id FROM holds LEFT JOIN live_jobs ON live_jobs.id = reference AND live_jobs.held > 0
                WHERE holds.state = 'pending' AND purpose = 'job' AND live_jobs.id IS NULL
                """),
            try finding(
                "withdrawals_match",
                """
                SELECT withdrawals.id AS example FROM withdrawals
                    LEFT JOIN holds ON holds.id = 'withdrawal:' || withdrawals.id AND holds.state = 'pending'
                        AND holds.owner_id = withdrawals.owner_id
                WHERE withdrawals.state IN ('requested', 'approved')
                    AND withdrawals.amount <> COALESCE(holds.amount - holds.posted, 0)
                UNION ALL
                SELECT holds.id FROM holds LEFT JOIN withdrawals ON withdrawals.id = holds.reference
                    AND withdrawals.state IN ('requested', 'approved')
                WHERE holds.state = 'pending' AND holds.id = 'withdrawal:' || holds.reference
                    AND withdrawals.id IS NULL
                """),
        ]
        guard full else { return findings }
        findings.append(
            try finding(
                "transfers_match",
                """
                SELECT id AS example FROM ledger_accounts
                WHERE balance <>
                        COALESCE((SELECT SUM(amount) FROM ledger_transfers WHERE credit = ledger_accounts.id), 0)
                        - COALESCE((SELECT SUM(amount) FROM ledger_transfers WHERE debit = ledger_accounts.id), 0)
                    OR lines <> (SELECT COUNT(*) FROM ledger_transfers WHERE credit = ledger_accounts.id)
                        + (SELECT COUNT(*) FROM ledger_transfers WHERE debit = ledger_accounts.id)
                """))
        return findings
    }

    private func finding(_ check: String, _ breaches: SQL) throws -> BookFinding {
        let found = try first("SELECT COUNT(*), MIN(example) FROM (\(sql: breaches)) AS breaches") { row in
            try (row.integer(), row.optionalText())
        }
        return BookFinding(check: check, breaches: found?.0 ?? 0, example: found?.1)
    }

    package func assetTotals() throws -> [AssetTotal] {
        let sums = try rows(
            "SELECT asset, kind, CAST(SUM(balance) AS BIGINT) FROM ledger_accounts GROUP BY asset, kind"
        ) { row in try (row.asset(), row.text(), row.integer()) }
        return Asset.allCases.map { asset in
            func sum(_ kind: Account.Kind) -> Int64 {
                sums.first { $0.0 == asset && $0.1 == kind.rawValue }?.2 ?? 0
            }
            return AssetTotal(
                asset: asset, supply: -sum(.external), available: sum(.available), held: sum(.held))
        }
    }
}
