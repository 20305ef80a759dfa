/// Why bytes are not the JSON we take, and where.
package struct JSONError: Error, Sendable, Equatable {
    package enum Problem: Sendable, Equatable {
        case truncated, unexpectedByte, trailingData
        case invalidNumber, invalidEscape, controlCharacter, invalidUTF8, loneSurrogate, nul
        case duplicateKey, tooDeep, tooManyKeys
    }

    package let problem: Problem
    /// In bytes from the start of the input.
    package let offset: Int

    /// Safe to show a caller: names no content.
    package var message: String {
        "invalid JSON at byte \(offset): \(reason)"
    }

    private var reason: String {
        switch problem {
        case .truncated: "unexpected end"
        case .unexpectedByte: "unexpected character"
        case .trailingData: "data after the value"
        case .invalidNumber: "malformed number"
        case .invalidEscape: "malformed escape"
        case .controlCharacter: "unescaped control character"
        case .invalidUTF8: "malformed UTF-8"
        case .loneSurrogate: "lone surrogate"
        case .nul: "NUL in a string"
        case .duplicateKey: "duplicate key"
        case .tooDeep: "nested too deeply"
        case .tooManyKeys: "too many keys in an object"
        }
    }
}

/// What a parser refuses beyond the grammar (PROMISES 3.7).
package struct JSONLimits: Sendable {
    /// Nested arrays and objects. The parser recurses: keep it below a few hundred.
    package var depth: Int
    /// Members of one object.
    package var keys: Int

    package init(depth: Int = 32, keys: Int = 1_000) {
        self.depth = depth
        self.keys = keys
    }

    package static let standard = JSONLimits()
}
