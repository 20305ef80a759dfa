internal import Bytes
internal import HTTPTypes

/// Which bytes of a file a GET asks for: `Range: bytes=0-1023` (RFC 9110, 14.2).
package enum ByteRange: Sendable, Hashable {
    /// All of it. Also where several parts are asked for at once, or what can't be read: a server may ignore those.
    case whole
    /// Never empty, and inside the file.
    case part(Range<Int>)
    /// The file has no such byte.
    case beyond

    /// - Parameter size: of the file, in bytes.
    init(_ text: String, size: Int) {
        self = .whole
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard size > 0, parts.count == 2, parts[0].lowercased() == "bytes" else { return }
        let ends = parts[1].filter { $0 != " " && $0 != "\t" }.split(
            separator: "-", omittingEmptySubsequences: false)
        guard ends.count == 2 else { return }
        switch (Self.number(ends[0]), Self.number(ends[1])) {
        case (let first?, nil) where ends[1].isEmpty: self = first < size ? .part(first..<size) : .beyond
        case (let first?, let last?) where first <= last:
            self = first < size ? .part(first..<(min(last, size - 1) + 1)) : .beyond
        case (nil, let count?) where ends[0].isEmpty:
            self = count > 0 ? .part((size - min(count, size))..<size) : .beyond
        default: return
        }
    }

    /// Digits, of any number: one that is too large for us is larger than any file. Nil for all else.
    private static func number(_ text: Substring) -> Int? {
        guard !text.isEmpty, text.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        return Int(text) ?? .max
    }
}

extension Call {
    /// Which bytes the caller asks for of a file with this strong tag. Only a GET has ranges, and `If-Range` asks for
    /// the whole when the file is another by now.
    func range(of size: Int, tag: String) -> ByteRange {
        let fields = head.headerFields
        guard head.method == .get, fields[values: .range].count == 1, let text = header(.range) else { return .whole }
        if let known = header(.ifRange), known != tag { return .whole }
        return ByteRange(text, size: size)
    }
}

extension Route.Parameter {
    /// What a read of a file takes.
    package static let ofFiles: [Route.Parameter] = [
        .init("Accept-Encoding", .string(), "zstd is sent as it is stored; a part of a file is never packed."),
        .ifNoneMatch,
        .init("Range", .string(), "One part of the file, as bytes=0-1023, bytes=1024- or bytes=-512."),
        .init("If-Range", .string(), "A tag: the part is sent only while the file has it, else the whole."),
    ]
}

extension [Route.Answer] {
    /// What a read of a file answers; a part that the file doesn't have is refused with 416.
    package static let ofFiles: [Route.Answer] = [
        Route.Answer(.ok, .bytes, type: Reply.fileType),
        Route.Answer(.partialContent, .bytes, type: Reply.fileType, "The part, told by Content-Range."), .notModified,
    ]
}
