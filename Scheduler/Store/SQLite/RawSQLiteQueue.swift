import GRDBSQLite

/// A plain queue on SQLite's own interface.
///
/// Unchecked, because what keeps it safe is its caller, who uses it on one thread at a time.
final class RawSQLiteQueue: RawQueue, @unchecked Sendable {
    private let handle: OpaquePointer
    private let rows: Int
    private var statements: [String: SQLiteStatement] = [:]

    private static let insertion = "INSERT INTO raw_queue (state, payload) VALUES ('pending', ?)"
    private static let deletion = "DELETE FROM raw_queue WHERE id = ?"

    /// Durable as the store is, and overwriting what is deleted no more than it does (Debian's default writes freed
    /// pages too); else with SQLite's own settings.
    private static let preparation = [
        "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA secure_delete = FAST",
        """
        CREATE TABLE IF NOT EXISTS raw_queue (
            id INTEGER PRIMARY KEY,
            state TEXT NOT NULL,
            payload TEXT NOT NULL)
        """,
        "CREATE INDEX IF NOT EXISTS raw_queue_pending ON raw_queue (id) WHERE state = 'pending'",
    ]

    init(_ path: String, rows: Int) throws {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = sqlite3_open_v2(path, &opened, flags, nil)
        guard let opened else { throw DatabaseError.unavailable("out of memory") }
        guard code == SQLITE_OK else {
            sqlite3_close_v2(opened)
            throw DatabaseError.sqlite(code, "\(path) can't be opened")
        }
        handle = opened
        self.rows = rows
        for statement in Self.preparation { try run(statement) }
    }

    deinit {
        statements = [:]
        sqlite3_close_v2(handle)
    }

    func insert() throws {
        try inOneCommit(rows) {
            for _ in 0..<rows { try run(Self.insertion, .text(RawPayload.text)) }
        }
    }

    func claim() throws -> [Int64] {
        var ids: [Int64] = []
        try run(
            """
            UPDATE raw_queue SET state = 'running'
            WHERE id IN (SELECT id FROM raw_queue WHERE state = 'pending' ORDER BY id LIMIT ?)
            RETURNING id, payload
            """, .int(rows)
        ) { ids.append(sqlite3_column_int64($0, 0)) }
        return ids
    }

    func complete(_ ids: [Int64]) throws {
        try inOneCommit(ids.count) {
            for id in ids { try run(Self.deletion, .integer(id)) }
        }
    }

    func analyze() throws { try run("ANALYZE raw_queue") }

    /// A statement alone is a commit by itself.
    private func inOneCommit(_ statements: Int, _ body: () throws -> Void) throws {
        guard statements > 1 else { return try body() }
        try run("BEGIN IMMEDIATE")
        try body()
        try run("COMMIT")
    }

    private func run(_ text: String, _ values: Value..., row: (OpaquePointer) -> Void = { _ in }) throws {
        let statement = try prepared(text)
        defer { statement.end() }
        guard try statement.begin(values.map { .value($0) }) == SQLITE_OK else { throw failure() }
        while true {
            switch sqlite3_step(statement.handle) {
            case SQLITE_ROW: row(statement.handle)
            case SQLITE_DONE: return
            default: throw failure()
            }
        }
    }

    private func prepared(_ text: String) throws -> SQLiteStatement {
        if let statement = statements[text] { return statement }
        var prepared: OpaquePointer?
        guard sqlite3_prepare_v3(handle, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil) == SQLITE_OK,
            let prepared
        else { throw failure() }
        let statement = SQLiteStatement(prepared)
        statements[text] = statement
        return statement
    }

    private func failure() -> DatabaseError {
        .sqlite(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle).map { String(cString: $0) } ?? "")
    }
}
