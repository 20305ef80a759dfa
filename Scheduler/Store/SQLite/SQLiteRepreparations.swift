import GRDBSQLite

/// For tests: a connection of its own, which counts how often a statement is prepared again because of a value that
/// is bound: where a value might prove that an index with a condition serves.
final class SQLiteRepreparations {
    private var handle: OpaquePointer?

    /// - Parameter url: `sqlite:PATH`.
    init(_ url: String) throws {
        let code = sqlite3_open_v2(String(url.dropFirst("sqlite:".count)), &handle, SQLITE_OPEN_READWRITE, nil)
        guard code == SQLITE_OK else { throw DatabaseError.failed(code: "\(code)", message: url) }
        // What is run is undone with the connection.
        sqlite3_exec(handle, "BEGIN IMMEDIATE", nil, nil, nil)
    }

    deinit { sqlite3_close_v2(handle) }

    /// Runs a statement twice, whatever comes of it.
    func count(_ sql: SQL) throws -> Int {
        var prepared: OpaquePointer?
        guard
            sqlite3_prepare_v3(handle, sql.sqliteText, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
                == SQLITE_OK,
            let prepared
        else { throw DatabaseError.failed(code: "prepare", message: sql.text) }
        let statement = SQLiteStatement(prepared)
        for _ in 0..<2 {
            _ = try statement.begin(sql.parameters, of: sql.rows)
            while sqlite3_step(prepared) == SQLITE_ROW {}
            statement.end()
        }
        return Int(sqlite3_stmt_status(prepared, SQLITE_STMTSTATUS_REPREPARE, 0))
    }
}
