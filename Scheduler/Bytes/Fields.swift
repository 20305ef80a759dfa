/// Takes an object apart field by field: required, optional or with a default. Whatever nobody asked for is found
/// by `end()`. `null` counts as absent, except for `raw`, `optionalRaw` and `has`.
package struct Fields: Sendable {
    private let path: String
    private let members: [JSON.Member]
    private var taken: [Bool]

    /// `path` is put before the names in errors: `resources`, `inputs[0]`.
    package init(_ json: JSON, path: String = "") throws(FieldError) {
        guard case .object(let members) = json else {
            throw FieldError(path, .wrongType(expected: "an object"))
        }
        self.path = path
        self.members = members
        self.taken = Array(repeating: false, count: members.count)
    }

    /// Throws for the first field that was not asked for.
    package func end() throws(FieldError) {
        guard let index = taken.firstIndex(of: false) else { return }
        throw FieldError(name(String(String.UnicodeScalarView(members[index].key.unicodeScalars.prefix(64)))), .unknown)
    }

    /// Whether the field is there, `null` or not. It still has to be taken.
    package func has(_ key: String) -> Bool {
        members.contains { $0.key.isExactly(key) }
    }

    /// The field's name with its path, for errors of the caller's own.
    package func name(_ key: String) -> String {
        path.isEmpty ? key : "\(path).\(key)"
    }

    package func error(_ key: String, _ problem: FieldError.Problem) -> FieldError {
        FieldError(name(key), problem)
    }

    /// The value as it is, `null` too.
    package mutating func optionalRaw(_ key: String) -> JSON? {
        guard let index = members.firstIndex(where: { $0.key.isExactly(key) }) else { return nil }
        taken[index] = true
        return members[index].value
    }

    package mutating func raw(_ key: String) throws(FieldError) -> JSON {
        guard let value = optionalRaw(key) else { throw error(key, .missing) }
        return value
    }

    private mutating func optional<T>(
        _ key: String, _ expected: String, _ read: (JSON) -> T?
    ) throws(FieldError) -> T? {
        guard let value = optionalRaw(key), !value.isNull else { return nil }
        guard let result = read(value) else { throw error(key, .wrongType(expected: expected)) }
        return result
    }

    private func required<T>(_ key: String, _ value: T?) throws(FieldError) -> T {
        guard let value else { throw error(key, .missing) }
        return value
    }
}

extension Fields {
    package mutating func optionalString(_ key: String) throws(FieldError) -> String? {
        try optional(key, "a string") { $0.string }
    }

    package mutating func string(_ key: String) throws(FieldError) -> String {
        try required(key, optionalString(key))
    }

    package mutating func string(_ key: String, default value: String) throws(FieldError) -> String {
        try optionalString(key) ?? value
    }

    /// An exact integer (`1`, not `1.0`) within `range`.
    package mutating func optionalInt(_ key: String, in range: ClosedRange<Int>? = nil) throws(FieldError) -> Int? {
        guard let raw = optionalRaw(key), !raw.isNull else { return nil }
        guard let value = raw.int else { throw error(key, .wrongType(expected: raw.integerRule)) }
        if let range, !range.contains(Int(value)) {
            throw error(key, .outOfRange("between \(range.lowerBound) and \(range.upperBound)"))
        }
        return Int(value)
    }

    package mutating func int(_ key: String, in range: ClosedRange<Int>? = nil) throws(FieldError) -> Int {
        try required(key, optionalInt(key, in: range))
    }

    package mutating func int(
        _ key: String, in range: ClosedRange<Int>? = nil, default value: Int
    ) throws(FieldError) -> Int {
        try optionalInt(key, in: range) ?? value
    }

    /// A finite number within `range`.
    package mutating func optionalDouble(
        _ key: String, in range: ClosedRange<Double>? = nil
    ) throws(FieldError) -> Double? {
        guard let value = try optional(key, "a number", { $0.double }) else { return nil }
        if let range, !range.contains(value) {
            throw error(key, .outOfRange("between \(range.lowerBound) and \(range.upperBound)"))
        }
        return value
    }

    package mutating func double(_ key: String, in range: ClosedRange<Double>? = nil) throws(FieldError) -> Double {
        try required(key, optionalDouble(key, in: range))
    }

    package mutating func double(
        _ key: String, in range: ClosedRange<Double>? = nil, default value: Double
    ) throws(FieldError) -> Double {
        try optionalDouble(key, in: range) ?? value
    }

    package mutating func optionalBool(_ key: String) throws(FieldError) -> Bool? {
        try optional(key, "a boolean") { $0.bool }
    }

    package mutating func bool(_ key: String) throws(FieldError) -> Bool {
        try required(key, optionalBool(key))
    }

    package mutating func bool(_ key: String, default value: Bool) throws(FieldError) -> Bool {
        try optionalBool(key) ?? value
    }
}

/// Fields that hold others. An element's error names its place: `labels[2] must be a string`.
extension Fields {
    package mutating func optionalArray(_ key: String) throws(FieldError) -> [JSON]? {
        try optional(key, "an array") { $0.array }
    }

    package mutating func array(_ key: String) throws(FieldError) -> [JSON] {
        try required(key, optionalArray(key))
    }

    package mutating func optionalStrings(_ key: String) throws(FieldError) -> [String]? {
        guard let values = try optionalArray(key) else { return nil }
        var strings: [String] = []
        strings.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard let string = value.string else { throw error("\(key)[\(index)]", .wrongType(expected: "a string")) }
            strings.append(string)
        }
        return strings
    }

    package mutating func strings(_ key: String) throws(FieldError) -> [String] {
        try required(key, optionalStrings(key))
    }

    package mutating func strings(_ key: String, default value: [String]) throws(FieldError) -> [String] {
        try optionalStrings(key) ?? value
    }

    /// The object's own fields; call `end()` on them too.
    package mutating func optionalObject(_ key: String) throws(FieldError) -> Fields? {
        guard let value = optionalRaw(key), !value.isNull else { return nil }
        return try Fields(value, path: name(key))
    }

    package mutating func object(_ key: String) throws(FieldError) -> Fields {
        try required(key, optionalObject(key))
    }

    package mutating func optionalObjects(_ key: String) throws(FieldError) -> [Fields]? {
        guard let values = try optionalArray(key) else { return nil }
        var objects: [Fields] = []
        objects.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            objects.append(try Fields(value, path: name("\(key)[\(index)]")))
        }
        return objects
    }

    package mutating func objects(_ key: String) throws(FieldError) -> [Fields] {
        try required(key, optionalObjects(key))
    }
}
