/// What texts from outside may look like, for both ends.
extension String {
    /// Without white space at its ends.
    package var trimmed: String {
        guard let first, let last, first.isWhitespace || last.isWhitespace else { return self }
        return String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }

    /// Whether it consists of letters, digits and `. _ - :` of ASCII.
    package var isWord: Bool {
        utf8.allSatisfy { byte in
            byte.isLetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_")
                || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ":")
        }
    }

    /// Whether a shell takes it for a variable's name: letters, digits and `_` of ASCII, no digit first.
    package var isVariableName: Bool {
        guard let first = utf8.first, !first.isDigit else { return false }
        return utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }
    }

    /// Whether it may name a file below a job's work folder: at most 512 bytes and 32 parts, no control characters, no
    /// backslash (which is a slash to some who will unpack it), and parts as `pathParts` has them.
    package var isJobPath: Bool {
        utf8.count <= 512 && (pathParts?.count ?? .max) <= 32
            && !unicodeScalars.contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) || $0 == "\\" }
    }

    /// `isJobPath`, as it is said to people after the field's name.
    package static let jobPathRule =
        "must be a relative path of at most 512 bytes and 32 parts of at most 255 bytes, without '.', '..' or empty "
        + "parts, backslashes, control characters"

    /// What is between the slashes of a relative path; nil when a part is empty, `.`, `..` or over 255 bytes, or holds
    /// a NUL, so that it names nothing or something outside.
    package var pathParts: [String]? {
        // By bytes, as the kernel does: to Swift, a slash with a combining mark is no slash.
        let parts = utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = parts.allSatisfy { part in
            (1...255).contains(part.count) && !part.contains(0) && !part.elementsEqual(".".utf8)
                && !part.elementsEqual("..".utf8)
        }
        return isPlain ? parts.map { String(decoding: $0, as: UTF8.self) } : nil
    }
}

extension UInt8 {
    fileprivate var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }

    fileprivate var isLetterOrDigit: Bool {
        isDigit || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
}
