import GRDBSQLite

/// One SQLite connection with its prepared statements.
///
/// Unchecked, because what keeps it safe is GRDB's queue: a connection is used only on its own.
final class SQLiteConnection: SQLConnection, @unchecked Sendable {
    private let handle: OpaquePointer
    private var statements = StatementCache<SQLiteStatement>()
    private var mayWrite = false

    init(_ handle: OpaquePointer) { self.handle = handle }

    func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int {
        guard let rows = sql.rows else { return try run(sql, row: 0, each).count }
        guard rows.isWhole else {
            throw DatabaseError.failed(code: "parameters", message: "too few values for: \(sql.text)")
        }
        var sum = 0
        for row in 0..<rows.count {
            let (count, isOver) = try run(sql, row: row, each)
            sum += count
            if isOver { break }
        }
        return sum
    }

    /// Runs a statement for one of its rows. Says whether `each` wants no more.
    private func run(
        _ sql: SQL, row: Int, _ each: (inout Row) throws -> Bool
    ) throws -> (count: Int, isOver: Bool) {
        let statement = try prepared(sql)
        guard mayWrite || statement.isReadOnly else {
            throw DatabaseError.failed(code: String(SQLITE_READONLY), message: "a read may not write: \(sql.text)")
        }
        defer { statement.end() }
        guard try statement.begin(sql.parameters, of: sql.rows, row: row) == SQLITE_OK else { throw failure() }

        let changesBefore = sqlite3_total_changes64(handle)
        let columns = sqlite3_column_count(statement.handle)
        var found = 0
        var isOver = false
        while !isOver {
            let code = sqlite3_step(statement.handle)
            if code == SQLITE_DONE { break }
            guard code == SQLITE_ROW else { throw failure() }
            found += 1
            var row = Row(.sqlite(SQLiteCells(handle: statement.handle, count: columns)))
            isOver = try !each(&row)
        }
        if statement.isReadOnly { return (found, isOver) }
        let isChanged = sqlite3_total_changes64(handle) != changesBefore
        return (isChanged ? Int(sqlite3_changes64(handle)) : 0, isOver)
    }

    private func prepared(_ sql: SQL) throws -> SQLiteStatement {
        let key = sql.sqliteKey
        // A statement whose rows are being read stays with its reader.
        if let statement = statements.statement(for: key), !statement.isBusy { return statement }
        var resolved = sql.sqliteText
        var prepared: OpaquePointer?
        let code = resolved.withUTF8 { bytes in
            bytes.withMemoryRebound(to: CChar.self) {
                sqlite3_prepare_v3(
                    handle, $0.baseAddress, Int32(clamping: $0.count), UInt32(SQLITE_PREPARE_PERSISTENT),
                    &prepared, nil)
            }
        }
        guard code == SQLITE_OK, let prepared else { throw failure() }
        let statement = SQLiteStatement(prepared)
        guard statement.parameters == sql.parameters.reduce(0, { $0 + $1.places }) else {
            throw DatabaseError.failed(code: "parameters", message: "unused values for: \(sql.text)")
        }
        _ = statements.insert(statement, for: key)
        return statement
    }

    private func failure() -> DatabaseError {
        .sqlite(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle).map { String(cString: $0) } ?? "")
    }
}

/// Transactions and savepoints.
extension SQLiteConnection {
    /// Some errors (a full disk, say) make SQLite roll back the whole transaction by itself.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    func begin(_ mode: QueuedTransaction.Mode) throws {
        mayWrite = mode == .write
        try control(mode == .write ? "BEGIN IMMEDIATE" : "BEGIN")
    }

    func commit() throws {
        do {
            try control("COMMIT")
        } catch DatabaseError.unavailable {
            // The commit may be in the file although it was not synced: a crash now would bring it back.
            throw DatabaseError.unknownOutcome
        }
    }

    /// Never fails in effect: if there is an error, SQLite has already rolled back.
    func rollback() {
        if isInTransaction { try? control("ROLLBACK") }
    }

    func setSavepoint() throws { try control("SAVEPOINT work") }
    func releaseSavepoint() throws { try control("RELEASE work") }

    func undoToSavepoint() throws {
        try control("ROLLBACK TO work")
        try control("RELEASE work")
    }

    private func control(_ statement: SQL) throws { _ = try run(statement) { _ in true } }
}
