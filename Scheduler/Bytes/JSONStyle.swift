/// How a value is written. Numbers are written as their raw token in every style.
package enum JSONStyle: Sendable {
    /// Insertion order, no spaces, raw UTF-8: JavaScript's `JSON.stringify`.
    case compact
    /// Sorted keys, `", "` and `": "`, `\uXXXX` for non-ASCII: Python's `json.dumps(sort_keys=True)`.
    /// ETags and event hashes are over this form (CONTRACT 4, 5).
    case canonical
    /// Sorted keys, no spaces, raw UTF-8, with `<`, `>`, `&`, U+2028 and U+2029 escaped: Go's `json.Marshal`.
    case sortedCompact
}

extension JSON {
    package func bytes(_ style: JSONStyle = .compact) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(256)
        append(to: &output, style)
        return output
    }

    package func text(_ style: JSONStyle = .compact) -> String {
        String(decoding: bytes(style), as: UTF8.self)
    }

    func append(to output: inout [UInt8], _ style: JSONStyle) {
        switch self {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let token): output.append(contentsOf: token.utf8)
        case .string(let text): JSONText.append(text, to: &output, style)
        case .array(let values):
            output.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { Self.separate(UInt8(ascii: ","), &output, style) }
                value.append(to: &output, style)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            output.append(UInt8(ascii: "{"))
            for (index, member) in Self.ordered(members, style).enumerated() {
                if index > 0 { Self.separate(UInt8(ascii: ","), &output, style) }
                JSONText.append(member.key, to: &output, style)
                Self.separate(UInt8(ascii: ":"), &output, style)
                member.value.append(to: &output, style)
            }
            output.append(UInt8(ascii: "}"))
        }
    }

    private static func ordered(_ members: [Member], _ style: JSONStyle) -> [Member] {
        switch style {
        case .compact: members
        case .canonical, .sortedCompact: members.sorted { $0.key.precedesExactly($1.key) }
        }
    }

    private static func separate(_ byte: UInt8, _ output: inout [UInt8], _ style: JSONStyle) {
        output.append(byte)
        if case .canonical = style { output.append(UInt8(ascii: " ")) }
    }
}

/// A quoted, escaped string.
enum JSONText {
    static func append(_ text: String, to output: inout [UInt8], _ style: JSONStyle) {
        output.append(UInt8(ascii: "\""))
        let done: Void? = text.utf8.withContiguousStorageIfAvailable { bytes in
            if bytes.allSatisfy({ isPlain($0, style) }) {
                output.append(contentsOf: bytes)
            } else {
                escape(text, to: &output, style)
            }
        }
        if done == nil { escape(text, to: &output, style) }
        output.append(UInt8(ascii: "\""))
    }

    /// Written as itself without looking at its neighbours.
    private static func isPlain(_ byte: UInt8, _ style: JSONStyle) -> Bool {
        guard byte >= 0x20, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") else { return false }
        switch style {
        case .compact: return true
        case .canonical: return byte < 0x7F
        case .sortedCompact:
            let isMarkup = byte == UInt8(ascii: "<") || byte == UInt8(ascii: ">") || byte == UInt8(ascii: "&")
            // U+2028 and U+2029 begin with E2.
            return !isMarkup && byte != 0xE2
        }
    }

    private static func escape(_ text: String, to output: inout [UInt8], _ style: JSONStyle) {
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": output.append(contentsOf: #"\""#.utf8)
            case "\\": output.append(contentsOf: #"\\"#.utf8)
            case "\u{08}": output.append(contentsOf: #"\b"#.utf8)
            case "\u{0C}": output.append(contentsOf: #"\f"#.utf8)
            case "\n": output.append(contentsOf: #"\n"#.utf8)
            case "\r": output.append(contentsOf: #"\r"#.utf8)
            case "\t": output.append(contentsOf: #"\t"#.utf8)
            case _ where isEscaped(scalar, style):
                for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter { append(unit, to: &output) }
            default: output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    private static func isEscaped(_ scalar: Unicode.Scalar, _ style: JSONStyle) -> Bool {
        if scalar.value < 0x20 { return true }
        switch style {
        case .compact: return false
        case .canonical: return scalar.value >= 0x7F
        case .sortedCompact: return ["<", ">", "&", "\u{2028}", "\u{2029}"].contains(scalar)
        }
    }

    private static func append(_ unit: UInt16, to output: inout [UInt8]) {
        output.append(contentsOf: #"\u"#.utf8)
        for byte in [UInt8(unit >> 8), UInt8(truncatingIfNeeded: unit)] { Hex.append(byte, to: &output) }
    }
}
