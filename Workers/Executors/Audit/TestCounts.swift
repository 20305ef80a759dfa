/// How many tests passed, failed and were skipped.
struct TestCounts: Sendable, Equatable {
    var passed = 0
    var failed = 0
    var skipped = 0

    /// The most of each that is believed.
    static let limit = 1_000_000_000

    init(passed: Int = 0, failed: Int = 0, skipped: Int = 0) {
        self.passed = min(max(passed, 0), Self.limit)
        self.failed = min(max(failed, 0), Self.limit)
        self.skipped = min(max(skipped, 0), Self.limit)
    }

    /// Without the skipped ones.
    var total: Int { passed + failed }

    static func + (one: TestCounts, other: TestCounts) -> TestCounts {
        TestCounts(
            passed: one.passed + other.passed, failed: one.failed + other.failed, skipped: one.skipped + other.skipped)
    }

    /// Whether a smaller share passed; none of none is the worst.
    func isWorse(than other: TestCounts) -> Bool {
        passed * max(1, other.total) < other.passed * max(1, total)
    }

    /// A number of decimal digits, up to the limit.
    static func number(_ text: some StringProtocol) -> Int? {
        guard (1...10).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let number = Int(text), number <= limit
        else { return nil }
        return number
    }
}

/// The reader of one runner's summary. It sees every line of the output, without colours.
protocol TestSummary: Sendable {
    mutating func take(_ line: String)
    /// At the end of the output; `nil` if there was no summary.
    var counts: TestCounts? { get }
}

/// Splits output into lines for a summary, in bounded memory.
struct SummaryReader: Sendable {
    private var summary: any TestSummary
    private var line: [UInt8] = []
    private var isTooLong = false

    /// Longer lines are no part of a summary.
    static let maxLineBytes = 64 << 10

    init(_ summary: any TestSummary) {
        self.summary = summary
    }

    var counts: TestCounts? { summary.counts }

    mutating func take(_ text: String) {
        var rest = Array(text.utf8)[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            append(rest[..<end])
            rest = rest[(end + 1)...]
            endLine()
        }
        append(rest)
    }

    /// Ends the last line, if it has no line break.
    mutating func finish() {
        if !line.isEmpty { endLine() }
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) {
        guard !isTooLong else { return }
        line.append(contentsOf: bytes)
        if line.count > Self.maxLineBytes { (line, isTooLong) = ([], true) }
    }

    private mutating func endLine() {
        if !isTooLong { summary.take(Self.plain(line)) }
        (line, isTooLong) = ([], false)
    }

    /// Without colours (`ESC [ … letter`) and the carriage return at the end.
    private static func plain(_ bytes: [UInt8]) -> String {
        var bytes = bytes
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard bytes.contains(0x1B) else { return String(decoding: bytes, as: UTF8.self) }
        var clean: [UInt8] = []
        var rest = bytes[...]
        while let byte = rest.popFirst() {
            guard byte == 0x1B, rest.first == UInt8(ascii: "[") else {
                clean.append(byte)
                continue
            }
            rest = rest.dropFirst().drop { !(0x40...0x7E).contains($0) }.dropFirst()
        }
        return String(decoding: clean, as: UTF8.self)
    }
}
