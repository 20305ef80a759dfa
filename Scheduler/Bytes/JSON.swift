/// A JSON value. Numbers keep the token they arrived with, so that `0.70`, `1.0` and `1e-05` survive
/// being verified and written again (CONTRACT 8).
///
/// Text is compared byte by byte: Swift's `==` holds "K" (U+212A) and "K" for equal, JSON does not.
@usableFromInline
package enum JSON: Sendable, Equatable {
    case null
    case bool(Bool)
    /// The raw token, as RFC 8259 writes a number.
    case number(String)
    case string(String)
    case array([JSON])
    /// Members in the order they were written; keys are distinct when parsed.
    case object([Member])

    @usableFromInline
    package struct Member: Sendable, Equatable {
        package let key: String
        package let value: JSON

        package init(_ key: String, _ value: JSON) {
            self.key = key
            self.value = value
        }

        @usableFromInline package static func == (left: Member, right: Member) -> Bool {
            left.key.isExactly(right.key) && left.value == right.value
        }
    }

    package init(_ value: Int64) {
        self = .number(String(value))
    }

    package init(_ value: Int) {
        self = .number(String(value))
    }

    /// `null` when the value is not finite, as JavaScript writes it.
    package init(_ value: Double) {
        self = value.isFinite ? .number("\(value)") : .null
    }

    @usableFromInline package static func == (left: JSON, right: JSON) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.number(let left), .number(let right)): left.isExactly(right)
        case (.string(let left), .string(let right)): left.isExactly(right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        default: false
        }
    }
}

extension JSON {
    /// The member's value, `nil` when there is none or this is no object.
    package subscript(_ key: String) -> JSON? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key.isExactly(key) }?.value
    }

    /// An exact integer: `1`, never `1.0` or `1e3`, and within 64 bits.
    package var int: Int64? {
        guard case .number(let token) = self else { return nil }
        return Int64(token)
    }

    /// Completes "must be", where `int` is nil: why a number isn't one.
    var integerRule: String {
        guard case .number(let token) = self, token.utf8.contains(where: { !(0x30...0x39 ~= $0) && $0 != 0x2D }) else {
            return "an integer"
        }
        let shown = token.utf8.count <= 32 ? ", not \(token)" : ""
        return "an integer, written without a decimal point or an exponent\(shown)"
    }

    /// A finite number.
    package var double: Double? {
        guard case .number(let token) = self, let value = Double(token), value.isFinite else { return nil }
        return value
    }

    package var string: String? {
        if case .string(let value) = self { value } else { nil }
    }

    package var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    package var array: [JSON]? {
        if case .array(let values) = self { values } else { nil }
    }

    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    @usableFromInline package var isNull: Bool {
        if case .null = self { true } else { false }
    }

    /// The name of the type, as a sentence says it: "an object".
    package var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
    @usableFromInline package init(booleanLiteral value: Bool) {
        self = .bool(value)
    }

    @usableFromInline package init(integerLiteral value: Int64) {
        self.init(value)
    }

    @usableFromInline package init(floatLiteral value: Double) {
        self.init(value)
    }
}

extension JSON: ExpressibleByStringInterpolation, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
    @usableFromInline package init(stringLiteral value: String) {
        self = .string(value)
    }

    @usableFromInline package init(arrayLiteral elements: JSON...) {
        self = .array(elements)
    }

    @usableFromInline package init(dictionaryLiteral elements: (String, JSON)...) {
        self = .object(elements.map { Member($0.0, $0.1) })
    }
}
