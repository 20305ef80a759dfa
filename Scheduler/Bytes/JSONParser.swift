extension JSON {
    /// Strict RFC 8259 over UTF-8. Refuses as well: NUL in a string, lone surrogates, duplicate keys, a byte order
    /// mark, and whatever exceeds the limits. Never traps.
    package init(parsing bytes: UnsafeRawBufferPointer, limits: JSONLimits = .standard) throws(JSONError) {
        var parser = JSONParser(bytes, limits)
        self = try parser.document()
    }

    package init(parsing bytes: [UInt8], limits: JSONLimits = .standard) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSON(parsing: UnsafeRawBufferPointer(buffer), limits: limits)
        }
    }

    package init(parsing bytes: ArraySlice<UInt8>, limits: JSONLimits = .standard) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { buffer throws(JSONError) in
            try JSON(parsing: UnsafeRawBufferPointer(buffer), limits: limits)
        }
    }

    package init(parsing text: String, limits: JSONLimits = .standard) throws(JSONError) {
        try self.init(parsing: Array(text.utf8), limits: limits)
    }
}

/// A recursive descent over borrowed bytes; every read is guarded by `at < end`.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let end: Int
    var at = 0
    private let limits: JSONLimits
    private var depth = 0

    init(_ bytes: UnsafeRawBufferPointer, _ limits: JSONLimits) {
        self.bytes = bytes
        self.end = bytes.count
        self.limits = limits
    }

    mutating func document() throws(JSONError) -> JSON {
        skipSpace()
        let value = try value()
        try finish()
        return value
    }

    /// Nothing but white space may follow.
    mutating func finish() throws(JSONError) {
        skipSpace()
        guard at == end else { throw failure(.trailingData) }
    }

    /// The value that begins at `at`; white space before it is skipped by the caller.
    mutating func value() throws(JSONError) -> JSON {
        guard at < end else { throw failure(.truncated) }
        switch bytes[at] {
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "{"): return .object(try object())
        case UInt8(ascii: "["): return .array(try array())
        case UInt8(ascii: "t"): try word("true"); return .bool(true)
        case UInt8(ascii: "f"): try word("false"); return .bool(false)
        case UInt8(ascii: "n"): try word("null"); return .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw failure(.unexpectedByte)
        }
    }

    private mutating func array() throws(JSONError) -> [JSON] {
        try descend()
        var values: [JSON] = []
        if try !closes(UInt8(ascii: "]")) {
            repeat {
                skipSpace()
                values.append(try value())
            } while try continues(until: UInt8(ascii: "]"))
        }
        depth -= 1
        return values
    }

    private mutating func object() throws(JSONError) -> [JSON.Member] {
        var members: [JSON.Member] = []
        var keys = Set<ExactText>()
        try eachMember { parser, key, offset throws(JSONError) in
            guard members.count < parser.limits.keys else { throw JSONError(problem: .tooManyKeys, offset: offset) }
            guard Self.isNew(key, members, &keys) else { throw JSONError(problem: .duplicateKey, offset: offset) }
            if members.isEmpty { members.reserveCapacity(8) }
            members.append(JSON.Member(key, try parser.value()))
        }
        return members
    }

    /// Walks an object; `body` consumes each member's value and is told where its key began.
    mutating func eachMember(
        _ body: (inout JSONParser, String, Int) throws(JSONError) -> Void
    ) throws(JSONError) {
        try descend()
        if try !closes(UInt8(ascii: "}")) {
            repeat {
                skipSpace()
                let offset = at
                guard at < end else { throw failure(.truncated) }
                guard bytes[at] == UInt8(ascii: "\"") else { throw failure(.unexpectedByte) }
                let key = try string()
                skipSpace()
                try expect(UInt8(ascii: ":"))
                skipSpace()
                try body(&self, key, offset)
            } while try continues(until: UInt8(ascii: "}"))
        }
        depth -= 1
    }

    /// Few keys are compared one by one; many are hashed, so that an object of a thousand costs no million.
    private static func isNew(_ key: String, _ members: [JSON.Member], _ keys: inout Set<ExactText>) -> Bool {
        if members.count < 16 { return !members.contains { $0.key.isExactly(key) } }
        if keys.isEmpty { keys = Set(members.map { ExactText($0.key) }) }
        return keys.insert(ExactText(key)).inserted
    }

    private mutating func descend() throws(JSONError) {
        guard depth < limits.depth else { throw failure(.tooDeep) }
        depth += 1
        at += 1
    }

    /// Whether the container ends here, without a member.
    private mutating func closes(_ closing: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard at < end else { throw failure(.truncated) }
        guard bytes[at] == closing else { return false }
        at += 1
        return true
    }

    private mutating func continues(until closing: UInt8) throws(JSONError) -> Bool {
        skipSpace()
        guard at < end else { throw failure(.truncated) }
        let byte = bytes[at]
        guard byte == UInt8(ascii: ",") || byte == closing else { throw failure(.unexpectedByte) }
        at += 1
        return byte != closing
    }

    mutating func skipSpace() {
        while at < end {
            switch bytes[at] {
            case 0x20, 0x09, 0x0A, 0x0D: at += 1
            default: return
            }
        }
    }

    private mutating func expect(_ byte: UInt8) throws(JSONError) {
        guard at < end else { throw failure(.truncated) }
        guard bytes[at] == byte else { throw failure(.unexpectedByte) }
        at += 1
    }

    private mutating func word(_ word: StaticString) throws(JSONError) {
        for index in 0..<word.utf8CodeUnitCount {
            try expect(word.utf8Start[index])
        }
    }

    func failure(_ problem: JSONError.Problem) -> JSONError {
        JSONError(problem: problem, offset: at)
    }
}
