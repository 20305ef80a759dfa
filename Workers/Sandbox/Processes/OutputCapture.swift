package import Bytes

/// Output of a running job.
package enum OutputEvent: Sendable, Equatable {
    /// Whole lines, or pieces of a very long one.
    case log(RawText)
    /// From a line `::progress PERCENT [MESSAGE]`.
    case progress(percent: Double, message: String?)
}

/// Splits a job's output into lines, forwards them up to the log's limit, and keeps the end. Pure: bytes in, events
/// out.
struct OutputCapture {
    /// Longer lines are forwarded in pieces.
    static let maxPieceBytes = 16 << 10

    private let marker: [UInt8]
    private let logLimit: Int
    private let tailLimit: Int

    /// Whether the start script has printed its marker; earlier output comes from the sandbox itself.
    private(set) var hasStarted = false
    private(set) var total = 0
    private var preamble: [UInt8] = []
    private var line: [UInt8] = []
    private var isInsideLine = false
    private var logged = 0
    private var isLogFull = false
    private var pieces: [UInt8] = []
    private var tail: [UInt8] = []
    private(set) var isTruncated = false

    init(marker: String, logLimit: Int, tailLimit: Int) {
        self.marker = Array(marker.utf8) + [UInt8(ascii: "\n")]
        self.logLimit = logLimit
        self.tailLimit = tailLimit
    }

    mutating func take(_ bytes: UnsafeRawBufferPointer) -> [OutputEvent] {
        var events: [OutputEvent] = []
        total += bytes.count
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            line.append(contentsOf: rest[...end])
            rest = rest[(end + 1)...]
            endPiece(isLine: true, &events)
        }
        line.append(contentsOf: rest)
        if line.count >= Self.maxPieceBytes { endPiece(isLine: false, &events) }
        flush(&events)
        return events
    }

    /// Flushes the last line, if it has no line break.
    mutating func finish() -> [OutputEvent] {
        var events: [OutputEvent] = []
        if !line.isEmpty { endPiece(isLine: true, &events) }
        flush(&events)
        return events
    }

    /// The end of the output, within the limit except for replaced characters.
    var output: String {
        let start = tail.count > tailLimit ? tail.count - tailLimit : 0
        // Drop the rest of a character that was cut.
        return RawText(tail[start...].drop { start > 0 && $0 & 0xC0 == 0x80 }).readable
    }

    /// Error messages of the sandbox.
    var sandboxErrors: String {
        RawText(preamble).readable
    }

    private mutating func endPiece(isLine: Bool, _ events: inout [OutputEvent]) {
        let kept = isLine ? 0 : Self.unfinishedSuffix(line)
        let piece = line[..<(line.count - kept)]
        defer {
            line.removeFirst(line.count - kept)
            isInsideLine = !isLine
        }
        guard hasStarted else {
            hasStarted = piece.elementsEqual(marker)
            if !hasStarted { preamble.append(contentsOf: piece.prefix(4_096 - min(4_096, preamble.count))) }
            return
        }
        if !isInsideLine, isLine, let progress = Self.progress(piece) {
            flush(&events)
            events.append(progress)
            return
        }
        log(piece)
        tail.append(contentsOf: piece)
        guard tail.count > tailLimit else { return }
        isTruncated = true
        if tail.count > 2 * tailLimit { tail.removeFirst(tail.count - tailLimit) }
    }

    private mutating func log(_ piece: ArraySlice<UInt8>) {
        guard !isLogFull else { return }
        guard logged + piece.count <= logLimit else {
            isLogFull = true
            pieces.append(contentsOf: "[log truncated: it has reached its limit of \(logLimit) bytes]\n".utf8)
            return
        }
        logged += piece.count
        pieces.append(contentsOf: piece)
    }

    private mutating func flush(_ events: inout [OutputEvent]) {
        guard !pieces.isEmpty else { return }
        events.append(.log(RawText(pieces)))
        pieces.removeAll(keepingCapacity: true)
    }

    private static func progress(_ line: ArraySlice<UInt8>) -> OutputEvent? {
        guard line.starts(with: "::progress ".utf8), line.count < 1_024 else { return nil }
        let words = RawText(line).readable.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
        guard words.count >= 2, let percent = Double(String(words[1]).trimmed), percent.isFinite else { return nil }
        let message = words.count > 2 ? String(words[2]).trimmed : ""
        return .progress(percent: min(max(percent, 0), 100), message: message.isEmpty ? nil : message)
    }

    /// The number of bytes at the end that belong to an incomplete character.
    private static func unfinishedSuffix(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let byte = bytes[bytes.count - count]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > count ? count : 0
        }
        return 0
    }
}
