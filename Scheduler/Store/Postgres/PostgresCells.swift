import CLibPQ

/// What the server answered to one statement; cleared with its last reference.
final class PostgresResult {
    let handle: OpaquePointer

    init(_ handle: OpaquePointer) { self.handle = handle }

    deinit { PQclear(handle) }

    var isError: Bool {
        PQresultStatus(handle) != PGRES_TUPLES_OK && PQresultStatus(handle) != PGRES_COMMAND_OK
    }

    var endsPipeline: Bool { PQresultStatus(handle) == PGRES_PIPELINE_SYNC }

    var rows: Int32 { PQntuples(handle) }
    /// Rows changed, or found if it only read.
    var changes: Int { PQcmdTuples(handle).flatMap { Int(String(cString: $0)) } ?? 0 }
    /// "COMMIT".
    var tag: String? { PQcmdStatus(handle).map { String(cString: $0) } }

    /// A row of a result in binary form; valid as long as the result.
    func cells(ofRow row: Int32) -> Cells {
        .postgres(PostgresCells(result: handle, row: row, count: PQnfields(handle)))
    }
}

/// One row of a result in binary form.
struct PostgresCells {
    fileprivate let result: OpaquePointer
    fileprivate let row: Int32
    let count: Int32

    func text(at column: Int32) throws -> String? {
        guard let bytes = cell(column) else { return nil }
        switch PQftype(result, column) {
        case 19, 25, 114, 705, 1042, 1043:  // name, text, json, unknown, char, varchar
            return String(decoding: bytes, as: UTF8.self)
        case let type: throw unexpected(type, column)
        }
    }

    func integer(at column: Int32) throws -> Int64? {
        guard let bytes = cell(column) else { return nil }
        switch PQftype(result, column) {
        case 20 where bytes.count == 8:  // bigint
            return Int64(bigEndian: bytes.loadUnaligned(as: Int64.self))
        case 16, 20, 21, 23:  // boolean and the integers
            // Sign and all, from the left.
            return bytes.dropFirst().reduce(Int64(Int8(bitPattern: bytes.first ?? 0))) { $0 << 8 | Int64($1) }
        case 1700:  // numeric: a sum of bigints
            guard let number = Int64(numeric: bytes) else {
                throw DatabaseError.decoding("has a number beyond 64 bits in column \(column + 1)")
            }
            return number
        case let type: throw unexpected(type, column)
        }
    }

    func bytes(at column: Int32) throws -> [UInt8]? {
        guard let bytes = cell(column) else { return nil }
        guard case let type = PQftype(result, column), type != 17 else { return [UInt8](bytes) }
        throw unexpected(type, column)
    }

    private func cell(_ column: Int32) -> UnsafeRawBufferPointer? {
        if PQgetisnull(result, row, column) != 0 { return nil }
        return UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
    }

    private func unexpected(_ type: Oid, _ column: Int32) -> DatabaseError {
        .decoding("has another type (\(type)) in column \(column + 1)")
    }
}

extension Int64 {
    /// A whole number in the wire form of `numeric`: how many digits, the weight of the first, sign, scale, and the
    /// digits to the base of 10,000 without the zeros at the end.
    fileprivate init?(numeric bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 8 else { return nil }
        func word(_ index: Int) -> Int { Int(bytes[index * 2]) << 8 | Int(bytes[index * 2 + 1]) }
        let digits = word(0)
        let weight = Int(Int16(truncatingIfNeeded: word(1)))
        let isNegative = word(2) == 0x4000
        guard isNegative || word(2) == 0, weight < 8, digits <= Swift.max(0, weight + 1),
            bytes.count >= 8 + digits * 2
        else { return nil }
        var number: Int64 = 0
        for place in 0..<Swift.max(0, weight + 1) {
            let digit = Int64(place < digits ? word(4 + place) : 0)
            let (product, overflow) = number.multipliedReportingOverflow(by: 10_000)
            let (sum, overflow2) = product.addingReportingOverflow(isNegative ? -digit : digit)
            if overflow || overflow2 { return nil }
            number = sum
        }
        self = number
    }
}
