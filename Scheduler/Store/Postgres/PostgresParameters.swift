import CLibPQ
import Glibc

/// The parameters of a statement in PostgreSQL's binary form, one after another in one piece of memory.
struct PostgresParameters {
    private var memory: [UInt8] = []
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private(set) var types: [Oid] = []

    init(_ sql: SQL) throws(DatabaseError) {
        let parameters = sql.parameters
        guard parameters.count <= 65_535 else {
            throw .failed(code: "parameters", message: "\(parameters.count) values")
        }
        memory.reserveCapacity((parameters.count + (sql.rows?.cells.count ?? 0)) * 24 + 1)
        starts.reserveCapacity(parameters.count)
        lengths.reserveCapacity(parameters.count)
        types.reserveCapacity(parameters.count)
        for parameter in parameters {
            let start = memory.count
            var isNull = false
            switch parameter {
            case .value(let value):
                isNull = try !append(value)
                types.append(value.type.scalar)
            case .texts(let texts): try append(texts.lazy.map { .text($0) }, .text)
            case .integers(let numbers): try append(numbers.lazy.map { .integer($0) }, .bigint)
            case .column(let index):
                guard let rows = sql.rows, rows.isWhole, index < rows.names.count, rows.count > 0 else {
                    throw .failed(code: "parameters", message: "no rows for: \(sql.text)")
                }
                try append(rows.column(index), rows.cell(0, index).type)
            }
            lengths.append(Int32(clamping: memory.count - start))
            starts.append(isNull ? -1 : start)
        }
        // So that even an empty text has an address: without one it would be a NULL.
        memory.append(0)
    }

    /// Appends a value without its length; false when it is NULL.
    private mutating func append(_ value: Value) throws(DatabaseError) -> Bool {
        switch value {
        case .text(let text?): try append(text)
        case .integer(let number?): append(number)
        case .bytes(let bytes?): memory.append(contentsOf: bytes)
        case .text(nil), .integer(nil), .bytes(nil): return false
        }
        return true
    }

    /// Appends an array of one dimension: dimensions, whether there may be NULLs, the type, the size and the first
    /// index; then each item with its length, -1 for NULL.
    private mutating func append(_ items: some Collection<Value>, _ type: PostgresType) throws(DatabaseError) {
        types.append(type.array)
        append(Int32(items.isEmpty ? 0 : 1))
        append(Int32(1))
        append(Int32(bitPattern: type.scalar))
        guard !items.isEmpty else { return }
        append(Int32(clamping: items.count))
        append(Int32(1))
        for item in items {
            guard item.type == type else {
                throw .failed(code: "parameters", message: "values of several types in one column")
            }
            let place = memory.count
            append(Int32(-1))
            guard try append(item) else { continue }
            let length = Int32(clamping: memory.count - place - 4)
            withUnsafeBytes(of: length.bigEndian) { memory.replaceSubrange(place..<place + 4, with: $0) }
        }
    }

    private mutating func append(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.bigEndian) { memory.append(contentsOf: $0) }
    }

    private mutating func append(_ text: String) throws(DatabaseError) {
        let start = memory.count
        memory.append(contentsOf: text.utf8)
        let hasNUL = memory.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memchr($0 + start, 0, bytes.count - start) != nil } ?? false
        }
        if hasNUL { throw .invalidText }
    }

    /// In bytes.
    var size: Int { memory.count }

    /// Sends a prepared statement with these values; the answer is to come in binary too. Returns libpq's 1 or 0.
    func send(_ name: String, on handle: OpaquePointer) -> Int32 {
        memory.withUnsafeBufferPointer { memory in
            memory.withMemoryRebound(to: CChar.self) { memory in
                let values = starts.map { start -> UnsafePointer<CChar>? in
                    start < 0 ? nil : memory.baseAddress?.advanced(by: start)
                }
                let formats = [Int32](repeating: 1, count: starts.count)
                return PQsendQueryPrepared(handle, name, Int32(clamping: starts.count), values, lengths, formats, 1)
            }
        }
    }
}

/// A type of PostgreSQL's, and that of its arrays, by their numbers.
private struct PostgresType: Equatable {
    let scalar: Oid
    let array: Oid

    static let bytea = PostgresType(scalar: 17, array: 1_001)
    static let bigint = PostgresType(scalar: 20, array: 1_016)
    static let text = PostgresType(scalar: 25, array: 1_009)
}

extension Value {
    fileprivate var type: PostgresType {
        switch self {
        case .text: .text
        case .integer: .bigint
        case .bytes: .bytea
        }
    }
}
