// The formats that all bodies are made of. Each bound stands here once: it is checked and documented by the same value.

extension Format where Value == String {
    /// Any text.
    package static var string: Format { string(pattern: nil) }

    /// Any text. The pattern and the format only document: a string whose form is checked has a format of its own.
    package static func string(pattern: String? = nil, format: String? = nil) -> Format {
        Format(.string(pattern: pattern, format: format)) {
            $1.string($0)
        } read: { json throws(FieldError) in
            guard let text = json.string else { throw .wrongType("a string") }
            return text
        }
    }

    /// Text for people: so many code points, and not only white space unless it may be empty.
    package static func text(_ lengths: ClosedRange<Int>) -> Format {
        checked(.string(lengths)) { text throws(FieldError) in
            guard lengths.contains(text.unicodeScalars.count) else {
                throw .outOfRange("\(lengths.lowerBound) to \(lengths.upperBound) characters long")
            }
            guard lengths.lowerBound == 0 || !text.allSatisfy(\.isWhitespace) else {
                throw .invalid("must not be blank")
            }
        }
    }

    /// As `text`, without white space at its ends; the bounds count what is left.
    package static func trimmed(_ lengths: ClosedRange<Int>) -> Format {
        Format(.string(lengths)) {
            $1.string($0)
        } read: { json throws(FieldError) in
            let text = try string.read(json).trimmed
            guard !text.isEmpty || lengths.lowerBound == 0 else { throw .invalid("must not be blank") }
            guard lengths.contains(text.unicodeScalars.count) else {
                throw .outOfRange("\(lengths.lowerBound) to \(lengths.upperBound) characters long")
            }
            return text
        }
    }

    /// Text of so many bytes of UTF-8: what is stored and sent.
    package static func utf8(_ bytes: ClosedRange<Int>) -> Format {
        checked(.string(bytes)) { text throws(FieldError) in
            guard !bytes.contains(text.utf8.count) else { return }
            let least = bytes.lowerBound == 0 ? "at most" : "\(bytes.lowerBound) to"
            throw .outOfRange("\(least) \(bytes.upperBound) bytes long")
        }
    }

    /// Visible ASCII without spaces.
    package static func visible(_ lengths: ClosedRange<Int>) -> Format {
        checked(.string(lengths, pattern: "^[!-~]+$").example("T-2026-7")) { text throws(FieldError) in
            guard lengths.contains(text.utf8.count), text.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
                throw .invalid("must be \(lengths.lowerBound) to \(lengths.upperBound) visible ASCII characters")
            }
        }
    }

    /// Lower- or upper-case hex digits.
    package static func hex(_ lengths: ClosedRange<Int>) -> Format {
        let digits = String(repeating: "0f", count: max(1, lengths.lowerBound / 2))
        return checked(.string(lengths, pattern: "^[0-9A-Fa-f]*$").example(.string(digits))) {
            text throws(FieldError) in
            guard Hex.isHex(text, lengths: lengths) else {
                let count =
                    lengths.count == 1 ? "\(lengths.lowerBound)" : "\(lengths.lowerBound) to \(lengths.upperBound)"
                throw .invalid("must be \(count) hex digits")
            }
        }
    }

    package static var uuid: Format {
        checked(.string(format: "uuid")) { text throws(FieldError) in
            guard UUIDv7.isUUID(text) else { throw .invalid("must be a UUID") }
        }
    }

    /// A string whose form `check` knows.
    package static func checked(
        _ schema: Schema, _ check: @escaping @Sendable (String) throws(FieldError) -> Void
    ) -> Format {
        Format(schema) {
            $1.string($0)
        } read: { json throws(FieldError) in
            guard let text = json.string else { throw .wrongType("a string") }
            try check(text)
            return text
        }
    }
}

extension Format where Value == Int64 {
    package static var integer: Format { Format.integer(nil) }

    /// An exact integer: `1`, not `1.0`, which is told so.
    package static func integer(_ range: ClosedRange<Int64>?) -> Format {
        Format(.integer(range)) {
            $1.int($0)
        } read: { json throws(FieldError) in
            guard let number = json.int else { throw .wrongType(json.integerRule) }
            if let range, !range.contains(number) {
                throw .outOfRange("between \(range.lowerBound) and \(range.upperBound)")
            }
            return number
        }
    }

    /// An exact integer of the range.
    package static func integer(_ range: ClosedRange<Int>) -> Format {
        integer(Int64(range.lowerBound)...Int64(range.upperBound))
    }

    /// RFC 3339, as milliseconds since 1970.
    package static var instant: Format {
        Format(.instant) {
            $1.string(RFC3339.format($0))
        } read: { json throws(FieldError) in
            guard let text = json.string else { throw .wrongType("a string") }
            guard let instant = RFC3339.parse(text) else {
                throw .invalid("must be an RFC 3339 time, as 2026-01-31T12:00:00Z")
            }
            return instant
        }
    }
}

extension Format where Value == Double {
    /// A finite number.
    package static func number(_ range: ClosedRange<Double>? = nil) -> Format {
        Format(.number) {
            $1.double($0)
        } read: { json throws(FieldError) in
            guard let number = json.double else { throw .wrongType("a number") }
            if let range, !range.contains(number) {
                throw .outOfRange("between \(range.lowerBound) and \(range.upperBound)")
            }
            return number
        }
    }
}

extension Format where Value == Bool {
    package static var boolean: Format {
        Format(.boolean) {
            $1.bool($0)
        } read: { json throws(FieldError) in
            guard let value = json.bool else { throw .wrongType("a boolean") }
            return value
        }
    }
}

extension Format where Value: CaseIterable & RawRepresentable<String> & Equatable {
    /// One of the words of an enumeration.
    package static var choice: Format { choice(of: Array(Value.allCases)) }

    /// One of some words of an enumeration.
    package static func choice(of options: [Value]) -> Format {
        Format(.options(options.map(\.rawValue))) {
            $1.string($0.rawValue)
        } read: { json throws(FieldError) in
            guard let text = json.string else { throw .wrongType("a string") }
            guard let value = options.first(where: { $0.rawValue.isExactly(text) }) else {
                throw .invalid("must be one of \(options.map(\.rawValue).joined(separator: ", "))")
            }
            return value
        }
    }
}

extension Format where Value == JSON {
    /// An object about which nothing is said.
    package static var anyObject: Format {
        Format(.anyObject) {
            $1.json($0)
        } read: { json throws(FieldError) in
            guard json.members != nil else { throw .wrongType("an object") }
            return json
        }
    }

    package static var anything: Format {
        Format(.anything) {
            $1.json($0)
        } read: { json in
            json
        }
    }
}
