/// Text as a program wrote it: mostly UTF-8, but it may be any bytes.
package struct RawText: Sendable, Equatable, ExpressibleByStringInterpolation {
    package let bytes: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }
    package init(_ text: String) { self.bytes = Array(text.utf8) }
    package init(stringLiteral text: String) { self.init(text) }

    package var isEmpty: Bool { bytes.isEmpty }

    /// The same as a string; nil when a string can't hold it: it isn't UTF-8, or has a NUL, at which databases and C
    /// code end strings.
    package var exact: String? { bytes.contains(0) ? nil : String(validating: bytes, as: UTF8.self) }

    /// For people: what a string can't hold is replaced by U+FFFD.
    package var readable: String {
        guard bytes.contains(0) else { return String(decoding: bytes, as: UTF8.self) }
        return String(decoding: bytes.flatMap { $0 == 0 ? [0xEF, 0xBF, 0xBD] : [$0] }, as: UTF8.self)
    }

    /// In base64, when a string can't hold it.
    package var base64: String? { exact == nil ? Base64.encode(bytes) : nil }

    /// What comes after so many bytes; of UTF-8, from the next whole character on.
    package func suffix(behind count: Int) -> RawText {
        let rest = bytes.dropFirst(max(0, count))
        return RawText(exact == nil ? rest : rest.drop { $0 & 0b1100_0000 == 0b1000_0000 })
    }
}
