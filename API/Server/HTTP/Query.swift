package import Bytes

/// The part of the target behind the `?`.
package struct Query: Sendable {
    private let fields: [(name: String, value: String)]

    /// Throws `FieldError` for an escape that is none.
    init(_ raw: Substring) throws(FieldError) {
        var fields: [(name: String, value: String)] = []
        for pair in raw.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = parts.first.flatMap({ PercentCoding.decode($0, plusIsSpace: true) }) else {
                throw FieldError("query", .invalid("has a malformed escape"))
            }
            guard let value = PercentCoding.decode(parts.count > 1 ? parts[1] : "", plusIsSpace: true) else {
                throw FieldError(String(name.prefix(64)), .invalid("has a malformed escape"))
            }
            fields.append((name, value))
        }
        self.fields = fields
    }

    /// The first of the name.
    package subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// Throws when it is there and no integer of the range.
    package func integer(_ name: String, in range: ClosedRange<Int>, default value: Int) throws(FieldError) -> Int {
        guard let text = self[name] else { return value }
        guard let number = Self.integer(text), range.contains(number) else {
            throw FieldError(name, .outOfRange("between \(range.lowerBound) and \(range.upperBound)"))
        }
        return number
    }

    /// As `integer`, but what is over the range is brought down to it.
    package func integer(
        _ name: String, cappedTo range: ClosedRange<Int>, default value: Int
    ) throws(FieldError) -> Int {
        guard let text = self[name] else { return value }
        guard let number = Self.integer(text), number >= range.lowerBound else {
            throw FieldError(name, .outOfRange("an integer of at least \(range.lowerBound)"))
        }
        return min(number, range.upperBound)
    }

    /// One of the words of an enumeration; nil when absent.
    package func choice<E: CaseIterable & RawRepresentable<String>>(
        _ name: String, _ type: E.Type
    ) throws(FieldError) -> E? {
        guard let text = self[name] else { return nil }
        guard let value = E(rawValue: text) else {
            throw FieldError(name, .invalid("must be one of \(E.allCases.map(\.rawValue).joined(separator: ", "))"))
        }
        return value
    }

    /// Digits and at most a minus; numbers too long for 64 bits are the largest ones.
    private static func integer(_ text: String) -> Int? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return Int(text) ?? (text.utf8.first == UInt8(ascii: "-") ? .min : .max)
    }
}

/// A piece of a list, by keyset.
package struct Page: Sendable {
    package let limit: Int
    /// The last id of the page before this one.
    package let after: String?
}

/// What a list hands out to be asked for more: the last id it showed, opaque.
package enum Cursor {
    package static func encode(_ lastID: String) -> String { Base64.encodeURL(Array(lastID.utf8)) }

    /// nil for anything that `encode` can't have made of a printable id.
    package static func decode(_ text: String) -> String? {
        guard (1...512).contains(text.utf8.count), let bytes = Base64.decodeURL(text), !bytes.isEmpty,
            bytes.allSatisfy({ 0x21...0x7E ~= $0 })
        else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Call {
    /// Throws `FieldError` for an escape that is none.
    package var query: Query { get throws(FieldError) { try Query(rawQuery) } }

    /// `limit` and `cursor`; throws `FieldError` for either.
    package func page(limit range: ClosedRange<Int> = 1...100, default value: Int = 50) throws(FieldError) -> Page {
        let query = try self.query
        let limit = try query.integer("limit", in: range, default: value)
        guard let cursor = query["cursor"] else { return Page(limit: limit, after: nil) }
        guard let after = Cursor.decode(cursor) else {
            throw FieldError("cursor", .invalid("is not one that a list gave"))
        }
        return Page(limit: limit, after: after)
    }
}
