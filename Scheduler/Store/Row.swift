internal import Domain

/// One row of an answer, read in the order of its columns. It looks into the database's own memory, so it is valid
/// only while it is being decoded.
///
/// Every read throws `DatabaseError.failed` if the column holds another type or nothing, or if there is none left:
/// nothing is converted, on either database.
package struct Row {
    private let cells: Cells
    private var column: Int32 = 0

    init(_ cells: Cells) { self.cells = cells }

    package mutating func text() throws -> String { try required(optionalText()) }
    package mutating func integer() throws -> Int64 { try required(optionalInteger()) }
    package mutating func bytes() throws -> [UInt8] { try required(optionalBytes()) }
    /// 0, or anything else.
    package mutating func bool() throws -> Bool { try integer() != 0 }
    /// A word of an enumeration.
    mutating func word<Word: RawRepresentable<String>>() throws -> Word {
        let text = try text()
        guard let word = Word(rawValue: text) else { throw InternalError.unreadable("\(Word.self) \(text)") }
        return word
    }

    /// An integer that fits in an `Int`, as all do.
    package mutating func int() throws -> Int { Int(try integer()) }

    package mutating func optionalText() throws -> String? { try cells.text(at: next()) }
    package mutating func optionalInteger() throws -> Int64? { try cells.integer(at: next()) }
    package mutating func optionalBytes() throws -> [UInt8]? { try cells.bytes(at: next()) }
    package mutating func optionalBool() throws -> Bool? { try optionalInteger().map { $0 != 0 } }
    package mutating func optionalInt() throws -> Int? { try optionalInteger().map { Int($0) } }

    /// Passes over a column.
    package mutating func skip() throws { _ = try next() }

    private mutating func next() throws -> Int32 {
        guard column < cells.count else { throw DatabaseError.decoding("has no column \(column + 1)") }
        column += 1
        return column - 1
    }

    private func required<T>(_ value: T?) throws -> T {
        guard let value else { throw DatabaseError.decoding("has no value in column \(column)") }
        return value
    }
}

/// The columns of a row, wherever its database keeps them. Columns count from 0.
enum Cells {
    case sqlite(SQLiteCells)
    case postgres(PostgresCells)

    var count: Int32 {
        switch self {
        case .sqlite(let cells): cells.count
        case .postgres(let cells): cells.count
        }
    }

    func text(at column: Int32) throws -> String? {
        switch self {
        case .sqlite(let cells): try cells.text(at: column)
        case .postgres(let cells): try cells.text(at: column)
        }
    }

    func integer(at column: Int32) throws -> Int64? {
        switch self {
        case .sqlite(let cells): try cells.integer(at: column)
        case .postgres(let cells): try cells.integer(at: column)
        }
    }

    func bytes(at column: Int32) throws -> [UInt8]? {
        switch self {
        case .sqlite(let cells): try cells.bytes(at: column)
        case .postgres(let cells): try cells.bytes(at: column)
        }
    }
}

extension DatabaseError {
    /// A row is not what the code that reads it expects.
    static func decoding(_ what: String) -> DatabaseError { .failed(code: "decoding", message: "The row \(what).") }
}
