package import Bytes
internal import Domain

/// Field types of the protocol. Lengths are in bytes of UTF-8 for `bytes`, and in Unicode scalars for `characters`.
extension Fields {
    mutating func text(_ key: String, bytes: ClosedRange<Int>) throws(FieldError) -> String {
        guard let value = try optionalText(key, bytes: bytes) else { throw error(key, .missing) }
        return value
    }

    mutating func optionalText(_ key: String, bytes: ClosedRange<Int>) throws(FieldError) -> String? {
        guard let value = try optionalString(key) else { return nil }
        try check(key, value, bytes)
        return value
    }

    /// Must not be blank, unless it may be empty.
    package mutating func text(_ key: String, characters: ClosedRange<Int>) throws(FieldError) -> String {
        guard let value = try optionalText(key, characters: characters) else { throw error(key, .missing) }
        return value
    }

    package mutating func optionalText(
        _ key: String, characters: ClosedRange<Int>
    ) throws(FieldError) -> String? {
        guard let value = try optionalString(key) else { return nil }
        guard characters.contains(value.unicodeScalars.count) else {
            throw error(key, .outOfRange("\(characters.lowerBound) to \(characters.upperBound) characters long"))
        }
        guard characters.lowerBound == 0 || !value.allSatisfy(\.isWhitespace) else {
            throw error(key, .invalid("must not be blank"))
        }
        return value
    }

    mutating func identifier<Of>(_ key: String) throws(FieldError) -> Identifier<Of> {
        Identifier(try text(key, bytes: WireLimits.identifierBytes))
    }

    /// A short list of short names; `nil` when the field is absent.
    mutating func optionalNames(_ key: String) throws(FieldError) -> [String]? {
        guard let names = try optionalStrings(key) else { return nil }
        guard WireLimits.namesInList.contains(names.count) else {
            throw error(key, .outOfRange("at most \(WireLimits.namesInList.upperBound) names"))
        }
        for (index, name) in names.enumerated() { try check("\(key)[\(index)]", name, WireLimits.identifierBytes) }
        return names
    }

    /// An RFC 3339 time, as milliseconds since 1970.
    package mutating func instant(_ key: String) throws(FieldError) -> Int64 {
        guard let milliseconds = try optionalInstant(key) else { throw error(key, .missing) }
        return milliseconds
    }

    package mutating func optionalInstant(_ key: String) throws(FieldError) -> Int64? {
        guard let text = try optionalString(key) else { return nil }
        return try instant(text, of: key)
    }

    /// Parses this field's text as an instant.
    func instant(_ text: String, of key: String) throws(FieldError) -> Int64 {
        guard let milliseconds = RFC3339.parse(text) else {
            throw error(key, .invalid("must be an RFC 3339 time, for example 2026-01-31T12:00:00Z"))
        }
        return milliseconds
    }

    /// One of an enumeration's raw values.
    package mutating func optionalChoice<T: RawRepresentable & CaseIterable>(
        _ key: String, as type: T.Type
    ) throws(FieldError) -> T? where T.RawValue == String {
        guard let text = try optionalString(key) else { return nil }
        guard let value = type.allCases.first(where: { $0.rawValue.isExactly(text) }) else {
            throw error(key, .invalid("must be one of \(type.allCases.map(\.rawValue).joined(separator: ", "))"))
        }
        return value
    }

    mutating func choice<T: RawRepresentable & CaseIterable>(
        _ key: String, as type: T.Type
    ) throws(FieldError) -> T where T.RawValue == String {
        guard let value = try optionalChoice(key, as: type) else { throw error(key, .missing) }
        return value
    }

    /// An array of objects whose length is within `counts`.
    mutating func objects(_ key: String, counts: ClosedRange<Int>) throws(FieldError) -> [Fields] {
        let values = try array(key)
        guard counts.contains(values.count) else {
            throw error(key, .outOfRange("between \(counts.lowerBound) and \(counts.upperBound) items"))
        }
        return try objects(key)
    }

    private func check(_ key: String, _ value: String, _ bytes: ClosedRange<Int>) throws(FieldError) {
        guard !bytes.contains(value.utf8.count) else { return }
        let bounds = bytes.lowerBound == 0 ? "at most" : "\(bytes.lowerBound) to"
        throw error(key, .outOfRange("\(bounds) \(bytes.upperBound) bytes long"))
    }
}

/// A JSON object that omits `nil` members.
func object(_ members: [(String, JSON?)]) -> JSON {
    .object(members.compactMap { name, value in value.map { JSON.Member(name, $0) } })
}

func list(_ names: [String]) -> JSON {
    .array(names.map(JSON.string))
}
