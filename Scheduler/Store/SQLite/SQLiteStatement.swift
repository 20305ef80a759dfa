import GRDBSQLite
import Glibc

/// A prepared statement; finalised with its last reference.
final class SQLiteStatement {
    let handle: OpaquePointer
    let parameters: Int
    let isReadOnly: Bool
    /// Whether somebody is reading its rows.
    private(set) var isBusy = false
    /// How far binding has come, and what SQLite said to the last of it.
    private var position: Int32 = 0
    private var code = SQLITE_OK

    init(_ handle: OpaquePointer) {
        self.handle = handle
        parameters = Int(sqlite3_bind_parameter_count(handle))
        isReadOnly = sqlite3_stmt_readonly(handle) != 0
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds the parameters in order, the columns to a row's values. Returns SQLite's code.
    func begin(
        _ parameters: [SQL.Parameter], of rows: SQL.Rows? = nil, row: Int = 0
    ) throws(DatabaseError) -> Int32 {
        isBusy = true
        position = 0
        code = SQLITE_OK
        for parameter in parameters {
            switch parameter {
            case .value(let value): try bind(value)
            case .texts(let texts): try bind(texts.lazy.map { .text($0) })
            case .integers(let numbers): try bind(numbers.lazy.map { .integer($0) })
            case .column(let index): if let rows { try bind(rows.cell(row, index)) }
            }
        }
        return code
    }

    /// Binds a list; what is left of its places repeats the last item.
    private func bind(_ items: some BidirectionalCollection<Value>) throws(DatabaseError) {
        for item in items { try bind(item) }
        guard let last = items.last else { return }
        for _ in items.count..<SQL.places(for: items.count) { try bind(last) }
    }

    private func bind(_ value: Value) throws(DatabaseError) {
        guard code == SQLITE_OK else { return }
        position += 1
        code =
            switch value {
            case .text(let text?): try bind(text, at: position)
            case .integer(let number?): sqlite3_bind_int64(handle, position, number)
            case .bytes(let bytes?): bind(bytes, at: position)
            case .text(nil), .integer(nil), .bytes(nil): sqlite3_bind_null(handle, position)
            }
    }

    func end() {
        sqlite3_reset(handle)
        sqlite3_clear_bindings(handle)
        isBusy = false
    }

    private func bind(_ text: String, at position: Int32) throws(DatabaseError) -> Int32 {
        var text = text
        let code: Int32? = text.withUTF8 { bytes in
            guard let start = bytes.baseAddress, !bytes.isEmpty else {
                return sqlite3_bind_text(handle, position, "", 0, nil)
            }
            guard memchr(start, 0, bytes.count) == nil else { return nil }
            return sqlite3_bind_text64(
                handle, position, start, UInt64(bytes.count), Self.copied, UInt8(SQLITE_UTF8))
        }
        guard let code else { throw .invalidText }
        return code
    }

    private func bind(_ bytes: [UInt8], at position: Int32) -> Int32 {
        guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, position, 0) }
        return bytes.withUnsafeBytes {
            sqlite3_bind_blob64(handle, position, $0.baseAddress, UInt64($0.count), Self.copied)
        }
    }

    /// `SQLITE_TRANSIENT`: SQLite makes its own copy.
    private static let copied = unsafeBitCast(-1, to: sqlite3_destructor_type.self)
}

/// The row a statement stands on.
struct SQLiteCells {
    let handle: OpaquePointer
    let count: Int32

    func text(at column: Int32) throws -> String? {
        guard try hasValue(column, SQLITE_TEXT) else { return nil }
        guard let start = sqlite3_column_text(handle, column) else { throw DatabaseError.unavailable("out of memory") }
        let length = Int(sqlite3_column_bytes(handle, column))
        return String(decoding: UnsafeBufferPointer(start: start, count: length), as: UTF8.self)
    }

    func integer(at column: Int32) throws -> Int64? {
        guard try hasValue(column, SQLITE_INTEGER) else { return nil }
        return sqlite3_column_int64(handle, column)
    }

    func bytes(at column: Int32) throws -> [UInt8]? {
        guard try hasValue(column, SQLITE_BLOB) else { return nil }
        guard let start = sqlite3_column_blob(handle, column) else { return [] }
        return [UInt8](UnsafeRawBufferPointer(start: start, count: Int(sqlite3_column_bytes(handle, column))))
    }

    /// False for a NULL; throws for another type.
    private func hasValue(_ column: Int32, _ expected: Int32) throws -> Bool {
        let type = sqlite3_column_type(handle, column)
        if type == expected { return true }
        guard type == SQLITE_NULL else {
            throw DatabaseError.decoding("has type \(type) in column \(column + 1), not \(expected)")
        }
        return false
    }
}
