package import Bytes
internal import HTTPTypes

/// `Content-Range: bytes 0-1023/4096` of a request: which part of a whole its body is (RFC 9110, 14.4).
package struct ContentRange: Sendable, Hashable {
    /// Bytes before the part.
    package let start: Int
    /// Bytes of the part, at least one.
    package let count: Int
    /// Bytes of the whole.
    package let total: Int

    package var isLast: Bool { start + count == total }

    /// Nil for what isn't of that form, or says what can't be; sizes end at 2^53 − 1.
    init?(_ text: String) {
        guard text.lowercased().hasPrefix("bytes ") else { return nil }
        let halves = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
        guard halves.count == 2 else { return nil }
        let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2, let first = Self.number(ends[0]), let last = Self.number(ends[1]),
            let total = Self.number(halves[1]), first <= last, last < total
        else { return nil }
        (start, count, self.total) = (first, last - first + 1, total)
    }

    private static func number(_ text: Substring) -> Int? {
        guard (1...16).contains(text.utf8.count), text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let number = Int(text),
            number < 1 << 53
        else { return nil }
        return number
    }
}

extension Call {
    /// Which part of a whole the body is; nil when it is the whole. Throws 400 for a range that can't be read.
    package func contentRange() throws(FieldError) -> ContentRange? {
        guard let text = header(.contentRange) else { return nil }
        guard let range = ContentRange(text) else {
            throw FieldError("Content-Range", .invalid("must be as bytes 0-1023/4096"))
        }
        return range
    }
}
