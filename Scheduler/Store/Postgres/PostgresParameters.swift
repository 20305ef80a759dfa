import CLibPQ
import Glibc

/// The values of a statement in PostgreSQL's binary form, one after another in one piece of memory.
struct PostgresParameters {
    private var memory: [UInt8] = []
    private var starts: [Int] = []
    private var lengths: [Int32] = []
    private(set) var types: [Oid] = []

    private static let bytea: Oid = 17
    private static let int8: Oid = 20
    private static let text: Oid = 25

    init(_ values: [Value]) throws(DatabaseError) {
        memory.reserveCapacity(values.count * 16 + 1)
        starts.reserveCapacity(values.count)
        lengths.reserveCapacity(values.count)
        types.reserveCapacity(values.count)
        for value in values {
            let start = memory.count
            switch value {
            case .text(let text):
                types.append(Self.text)
                if let text { try append(text) }
            case .integer(let number):
                types.append(Self.int8)
                if let number {
                    withUnsafeBytes(of: number.bigEndian) { memory.append(contentsOf: $0) }
                }
            case .bytes(let bytes):
                types.append(Self.bytea)
                if let bytes { memory.append(contentsOf: bytes) }
            }
            lengths.append(Int32(clamping: memory.count - start))
            starts.append(value.isNull ? -1 : start)
        }
        // So that even an empty text has an address: without one it would be a NULL.
        memory.append(0)
    }

    private mutating func append(_ text: String) throws(DatabaseError) {
        let start = memory.count
        memory.append(contentsOf: text.utf8)
        let hasNUL = memory.withUnsafeBytes { bytes in
            bytes.baseAddress.map { memchr($0 + start, 0, bytes.count - start) != nil } ?? false
        }
        if hasNUL { throw .invalidText }
    }

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

extension Value {
    fileprivate var isNull: Bool {
        switch self {
        case .text(let text): text == nil
        case .integer(let number): number == nil
        case .bytes(let bytes): bytes == nil
        }
    }
}
