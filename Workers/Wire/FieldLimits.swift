internal import Bytes

/// Fields with the bounds that `WireLimits` gives. Lengths are bytes of UTF-8: what is stored and sent.
extension Fields {
    mutating func text(_ key: String, bytes: ClosedRange<Int>) throws(FieldError) -> String {
        let value = try string(key)
        try check(key, value, bytes)
        return value
    }

    mutating func optionalText(_ key: String, bytes: ClosedRange<Int>) throws(FieldError) -> String? {
        guard let value = try optionalString(key) else { return nil }
        try check(key, value, bytes)
        return value
    }

    /// A short list of short names; `nil` when the field is absent.
    mutating func optionalNames(
        _ key: String, bytes: ClosedRange<Int> = WireLimits.identifierBytes
    ) throws(FieldError) -> [String]? {
        guard let names = try optionalStrings(key) else { return nil }
        guard WireLimits.namesInList.contains(names.count) else {
            throw error(key, .outOfRange("at most \(WireLimits.namesInList.upperBound) names"))
        }
        for (index, name) in names.enumerated() { try check("\(key)[\(index)]", name, bytes) }
        return names
    }

    /// An RFC 3339 instant, as milliseconds since 1970.
    mutating func instant(_ key: String) throws(FieldError) -> Int64 {
        guard let milliseconds = try optionalInstant(key) else { throw error(key, .missing) }
        return milliseconds
    }

    mutating func optionalInstant(_ key: String) throws(FieldError) -> Int64? {
        guard let text = try optionalString(key) else { return nil }
        guard let milliseconds = RFC3339.parse(text) else { throw error(key, .invalid("must be an RFC 3339 time")) }
        return milliseconds
    }

    /// One of an enumeration's raw values.
    mutating func choice<T: RawRepresentable & CaseIterable>(
        _ key: String, as type: T.Type
    ) throws(FieldError) -> T where T.RawValue == String {
        let text = try string(key)
        guard let value = type.allCases.first(where: { $0.rawValue.isExactly(text) }) else {
            throw error(key, .invalid("must be one of \(type.allCases.map(\.rawValue).joined(separator: ", "))"))
        }
        return value
    }

    /// As many objects as `counts` allows.
    mutating func objects(_ key: String, counts: ClosedRange<Int>) throws(FieldError) -> [Fields] {
        let values = try array(key)
        guard counts.contains(values.count) else {
            throw error(key, .outOfRange("between \(counts.lowerBound) and \(counts.upperBound) items"))
        }
        return try objects(key)
    }

    private func check(_ key: String, _ value: String, _ bytes: ClosedRange<Int>) throws(FieldError) {
        guard !bytes.contains(value.utf8.count) else { return }
        let least = bytes.lowerBound == 0 ? "at most" : "\(bytes.lowerBound) to"
        let bounds = "\(least) \(bytes.upperBound) bytes long"
        throw error(key, .outOfRange(bounds))
    }
}

/// An object without the members that are `nil`.
func object(_ members: [(String, JSON?)]) -> JSON {
    .object(members.compactMap { name, value in value.map { JSON.Member(name, $0) } })
}

func list(_ names: [String]) -> JSON {
    .array(names.map(JSON.string))
}
