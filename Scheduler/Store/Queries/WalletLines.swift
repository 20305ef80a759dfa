package import Domain

/// A piece of an owner's transactions in several assets, newest first.
package struct WalletLines: Sendable {
    package var lines: [LedgerLine]
    /// The lines that were not shown yet are before these; nil at the end.
    package var next: [Asset: Int64]?
}

extension Transaction {
    /// An owner's transactions, the newest of all assets first, each asset's in the order of its account. Who goes on
    /// from `next` sees every line once, whatever is added meanwhile.
    /// - Parameter before: for each asset, only lines before this one.
    package func transactions(
        of owner: OwnerID, _ assets: [Asset], before: [Asset: Int64], limit: Int
    ) throws -> WalletLines {
        var waiting: [(asset: Asset, lines: ArraySlice<LedgerLine>)] = []
        var next: [Asset: Int64] = [:]
        for asset in assets {
            let lines = try lines(of: owner, asset, before: before[asset], limit: limit + 1)
            waiting.append((asset, lines[...]))
            // So that what comes later stays out of this list.
            next[asset] = (lines.first?.line ?? 0) + 1
        }
        var shown: [LedgerLine] = []
        while shown.count < limit {
            let newest = waiting.indices.filter { !waiting[$0].lines.isEmpty }.max { left, right in
                (waiting[left].lines.first?.createdAt ?? 0) < (waiting[right].lines.first?.createdAt ?? 0)
            }
            guard let newest, let line = waiting[newest].lines.popFirst() else { break }
            shown.append(line)
            next[line.asset] = line.line
        }
        return WalletLines(lines: shown, next: waiting.allSatisfy(\.lines.isEmpty) ? nil : next)
    }

    /// What an owner has, of every asset.
    package func balances(of owner: OwnerID) throws -> [Balance] {
        let found = try rows("SELECT asset, kind, balance FROM ledger_accounts WHERE owner_id = \(owner.text)") { row in
            try (row.asset(), row.text(), row.integer())
        }
        return Asset.allCases.map { asset in
            func balance(_ kind: Account.Kind) -> Int64 {
                found.first { $0.0 == asset && $0.1 == kind.rawValue }?.2 ?? 0
            }
            return Balance(asset: asset, available: balance(.available), held: balance(.held))
        }
    }

    /// An owner's transactions in an asset: the lines of the account that it may spend from, newest first.
    /// - Parameter before: only lines before this one.
    package func lines(of owner: OwnerID, _ asset: Asset, before line: Int64?, limit: Int) throws -> [LedgerLine] {
        let account = Account(owner, asset, .available).id
        let before = line ?? .max
        return try rows(
            """
            SELECT * FROM (
                SELECT * FROM (SELECT id, asset, -amount AS amount, debit_after AS after, debit_line AS line, reason,
                    reference, created_at FROM ledger_transfers
                    WHERE debit = \(account) AND debit_line < \(before)
                    ORDER BY debit_line DESC LIMIT \(limit)) AS taken
                UNION ALL
                SELECT * FROM (SELECT id, asset, amount, credit_after, credit_line, reason, reference, created_at
                    FROM ledger_transfers
                    WHERE credit = \(account) AND credit_line < \(before)
                    ORDER BY credit_line DESC LIMIT \(limit)) AS given
            ) AS both_sides ORDER BY line DESC LIMIT \(limit)
            """
        ) { try LedgerLine(&$0) }
    }
}
