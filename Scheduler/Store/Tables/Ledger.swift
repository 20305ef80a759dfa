internal import Domain

extension Transaction {
    /// Locks accounts in the order of their ids, opening those that aren't there. Live jobs that the transaction
    /// touches are locked before.
    func lock(_ accounts: Set<Account>) throws -> Book {
        let wanted = accounts.sorted { $0.id < $1.id }
        var entries = try lockExisting(wanted)
        let missing = wanted.filter { entries[$0] == nil }
        guard !missing.isEmpty else { return Book(entries) }
        try SQL.chunked(missing) { chunk in
            let rows = chunk.map { account in
                [
                    Value.text(account.id), .text(account.owner.text), .text(account.asset.rawValue),
                    .text(account.kind.rawValue),
                ]
            }
            try execute(
                """
                INSERT INTO ledger_accounts (id, owner_id, asset, kind) VALUES \(rows: rows)
                ON CONFLICT (id) DO NOTHING
                """)
        }
        entries.merge(try lockExisting(missing)) { first, _ in first }
        return Book(entries)
    }

    private func lockExisting(_ accounts: [Account]) throws -> [Account: Book.Entry] {
        let byID = Dictionary(accounts.map { ($0.id, $0) }) { first, _ in first }
        var entries: [Account: Book.Entry] = [:]
        try SQL.chunked(accounts) { chunk in
            let found = try rows(
                """
                SELECT id, balance, lines FROM ledger_accounts WHERE id IN (\(list: chunk.map(\.id)))
                ORDER BY id \(.forUpdate)
                """
            ) { row in try (row.text(), Book.Entry(balance: row.integer(), lines: row.integer())) }
            for (id, entry) in found { if let account = byID[id] { entries[account] = entry } }
        }
        return entries
    }

    /// Writes what was posted in a book: the accounts, guarded by what was seen of them, and the transfers. Throws
    /// `.conflict` when a transfer's id is taken.
    func write(_ book: Book) throws {
        guard !book.postings.isEmpty else { return }
        let touched = Set(book.postings.flatMap { [$0.transfer.debit, $0.transfer.credit] })
        let counts = book.postings.reduce(into: [Account: Int64]()) { counts, posting in
            counts[posting.transfer.debit, default: 0] += 1
            counts[posting.transfer.credit, default: 0] += 1
        }
        try SQL.chunked(touched.sorted { $0.id < $1.id }) { chunk in
            let rows = chunk.map { account in
                let entry = book.entries[account] ?? Book.Entry(balance: 0, lines: 0)
                return [
                    Value.text(account.id), .integer(entry.lines - (counts[account] ?? 0)), .integer(entry.balance),
                    .integer(entry.lines),
                ]
            }
            let written = try execute(
                """
                WITH posted (id, seen, balance, lines) AS (VALUES \(rows: rows))
                UPDATE ledger_accounts SET balance = posted.balance, lines = posted.lines
                FROM posted WHERE ledger_accounts.id = posted.id AND ledger_accounts.lines = posted.seen
                """)
            guard written == rows.count else { throw InternalError("a locked account was changed by another") }
        }
        try insertTransfers(book.postings)
    }

    private func insertTransfers(_ postings: [Posting]) throws {
        try SQL.chunked(postings) { chunk in
            let rows = chunk.map { posting in
                let transfer = posting.transfer
                return [
                    Value.text(transfer.id), .text(transfer.debit.asset.rawValue), .text(transfer.debit.id),
                    .text(transfer.credit.id), .integer(transfer.amount), .integer(posting.debitAfter),
                    .integer(posting.creditAfter), .integer(posting.debitLine), .integer(posting.creditLine),
                    .text(transfer.reason.rawValue), .text(transfer.reference), .integer(now),
                ]
            }
            try execute(
                """
                INSERT INTO ledger_transfers (id, asset, debit, credit, amount, debit_after, credit_after, debit_line,
                    credit_line, reason, reference, created_at)
                VALUES \(rows: rows)
                """)
        }
    }

    /// A transfer by its id, as its credit account's owner sees it; nil when there is none.
    func creditLine(_ id: String) throws -> (account: String, line: LedgerLine)? {
        try first(
            """
            SELECT credit, id, asset, amount, credit_after, credit_line, reason, reference, created_at
            FROM ledger_transfers WHERE id = \(id)
            """
        ) { row in try (row.text(), LedgerLine(&row)) }
    }
}

extension LedgerLine {
    init(_ row: inout Row) throws {
        try self.init(
            id: row.text(), asset: row.asset(), amount: row.integer(), balanceAfter: row.integer(),
            line: row.integer(), reason: row.text(), reference: row.optionalText(), createdAt: row.integer())
    }
}

extension Row {
    mutating func asset() throws -> Asset { try word() }
}
