internal import Domain

extension Transaction {
    /// Locks accounts in the order of their ids, opening those that aren't there. Live jobs that the transaction
    /// touches are locked before.
    func lock(_ accounts: Set<Account>) throws -> Book {
        let wanted = accounts.sorted { $0.id < $1.id }
        var entries = try lockExisting(wanted)
        let missing = wanted.filter { entries[$0] == nil }
        guard !missing.isEmpty else { return Book(entries) }
        let opened = SQL.Rows("opened", ["id", "owner_id", "asset", "kind"], of: missing) { account in
            [
                .text(account.id), .text(account.owner.text), .text(account.asset.rawValue),
                .text(account.kind.rawValue),
            ]
        }
        try executeLater("INSERT INTO ledger_accounts \(inserting: opened) ON CONFLICT (id) DO NOTHING")
        entries.merge(try lockExisting(missing)) { first, _ in first }
        return Book(entries)
    }

    private func lockExisting(_ accounts: [Account]) throws -> [Account: Book.Entry] {
        let byID = Dictionary(accounts.map { ($0.id, $0) }) { first, _ in first }
        var entries: [Account: Book.Entry] = [:]
        try SQL.chunked(accounts) { chunk in
            let found = try rows(
                """
                SELECT id, balance, lines FROM ledger_accounts WHERE id \(in: chunk.map(\.id))
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
        let accounts = touched.sorted { $0.id < $1.id }
        let posted = SQL.Rows("posted", ["account", "seen", "total", "line"], of: accounts) { account in
            let entry = book.entries[account] ?? Book.Entry(balance: 0, lines: 0)
            return [
                .text(account.id), .integer(entry.lines - (counts[account] ?? 0)), .integer(entry.balance),
                .integer(entry.lines),
            ]
        }
        try executeLater(
            """
            UPDATE ledger_accounts SET balance = \(posted.total), lines = \(posted.line)
            \(from: posted) WHERE ledger_accounts.id \(is: posted.account) AND lines = \(posted.seen)
            """, changing: accounts.count)
        try insertTransfers(book.postings)
    }

    private func insertTransfers(_ postings: [Posting]) throws {
        let columns: [StaticString] = [
            "id", "asset", "debit", "credit", "amount", "debit_after", "credit_after", "debit_line", "credit_line",
            "reason", "reference", "created_at",
        ]
        let rows = SQL.Rows("transfers", columns, of: postings) { posting in
            let transfer = posting.transfer
            return [
                .text(transfer.id), .text(transfer.debit.asset.rawValue), .text(transfer.debit.id),
                .text(transfer.credit.id), .integer(transfer.amount), .integer(posting.debitAfter),
                .integer(posting.creditAfter), .integer(posting.debitLine), .integer(posting.creditLine),
                .text(transfer.reason.rawValue), .text(transfer.reference), .integer(now),
            ]
        }
        try executeLater("INSERT INTO ledger_transfers \(inserting: rows)")
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
