internal import Bytes

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

    /// Digits and at most a minus; numbers too long for 64 bits are the largest ones.
    package static func integer(_ text: String) -> Int? {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
        return Int(text) ?? (text.utf8.first == UInt8(ascii: "-") ? .min : .max)
    }
}

extension Call {
    /// Throws `FieldError` for an escape that is none.
    package var query: Query { get throws(FieldError) { try Query(rawQuery) } }
}
