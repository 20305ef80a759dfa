import GRDBSQLite

extension Database {
    /// Moves the whole log of a SQLite file that nobody has open into the file, and removes the log: for those who
    /// measure what is kept. Throws `DatabaseError`.
    package static func checkpointSQLiteFile(_ path: String) throws {
        var opened: OpaquePointer?
        let code = sqlite3_open_v2(path, &opened, SQLITE_OPEN_READWRITE, nil)
        // Closed in any case, also when it couldn't be opened.
        defer { sqlite3_close_v2(opened) }
        guard code == SQLITE_OK else { throw DatabaseError.sqlite(code, "\(path) can't be opened") }
        let moved = sqlite3_exec(opened, "PRAGMA wal_checkpoint(TRUNCATE)", nil, nil, nil)
        guard moved == SQLITE_OK else { throw DatabaseError.sqlite(moved, "\(path) can't be checkpointed") }
    }
}
