import Bytes
@testable import Sandbox
import Testing

@Suite("A job's output")
struct OutputCaptureTests {
    private func capture(
        _ text: String, in pieces: Int = 1, logLimit: Int = 1_000, tailLimit: Int = 100
    ) -> (OutputCapture, [OutputEvent]) {
        var capture = OutputCapture(marker: "GO", logLimit: logLimit, tailLimit: tailLimit)
        var events: [OutputEvent] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = min(bytes.count, start + max(1, bytes.count / pieces))
            bytes[start..<end].withUnsafeBytes { events += capture.take($0) }
            start = end
        }
        events += capture.finish()
        return (capture, events)
    }

    private func text(_ events: [OutputEvent]) -> String {
        events.reduce(into: "") { if case .log(let text) = $1 { $0 += text.readable } }
    }

    @Test("is the same however the bytes were cut", arguments: [1, 3, 7, 1_000])
    func pieces(count: Int) {
        let (capture, events) = capture("GO\neins\nzwölf 🐝\n::progress 50 half\nrest", in: count)
        #expect(text(events) == "eins\nzwölf 🐝\nrest")
        #expect(events.contains(.progress(percent: 50, message: "half")))
        #expect(capture.output == "eins\nzwölf 🐝\nrest")
        #expect(capture.hasStarted && !capture.isTruncated)
    }

    @Test("before the marker is the sandbox's own error output")
    func sandboxErrors() {
        let (capture, events) = capture("bwrap: no\nGOT\n")
        #expect(!capture.hasStarted)
        #expect(events.isEmpty)
        #expect(capture.sandboxErrors == "bwrap: no\nGOT\n")
    }

    @Test("a second marker is the job's own word")
    func secondMarker() {
        #expect(text(capture("GO\nGO\n").1) == "GO\n")
    }

    @Test("over the log's limit is left out, with one line about it; the end is kept")
    func limits() {
        let lines = (0..<1_000).map { "line \($0)\n" }.joined()
        let (capture, events) = capture("GO\n" + lines)
        #expect(text(events).hasSuffix("[log truncated: it has reached its limit of 1000 bytes]\n"))
        #expect(text(events).utf8.count < 1_100)
        #expect(capture.output.hasSuffix("line 999\n"))
        #expect(capture.output.utf8.count <= 100)
        #expect(capture.isTruncated)
    }

    @Test("one endless line comes in pieces of whole characters")
    func endlessLine() {
        let line = "a" + String(repeating: "é", count: 40_000)
        let (_, events) = capture("GO\n" + line, in: 9, logLimit: 1 << 20, tailLimit: 1 << 20)
        #expect(text(events) == line)
        #expect(events.count > 3)
    }

    @Test("zeros and broken UTF-8 are in the log as they are, and replaced in the end that a result has")
    func replacement() {
        var capture = OutputCapture(marker: "GO", logLimit: 100, tailLimit: 100)
        let bytes: [UInt8] = Array("GO\n".utf8) + [0x61, 0x00, 0xFF, 0x62, 0x0A]
        let events = bytes.withUnsafeBytes { capture.take($0) }
        #expect(events == [.log(RawText(bytes.dropFirst(3)))])
        #expect(capture.output == "a\u{FFFD}\u{FFFD}b\n")
    }

    @Test(
        "progress is what can be read as such, and else an ordinary line",
        arguments: [
            ("::progress 12.5", 12.5, nil as String?), ("::progress 400 x", 100, "x"),
            ("::progress -1 a b c", 0, "a b c"), ("::progress  7   spaced out ", 7, "spaced out"),
        ])
    func progress(line: String, percent: Double, message: String?) {
        #expect(capture("GO\n\(line)\n").1 == [.progress(percent: percent, message: message)])
    }

    @Test(
        "no progress",
        arguments: ["::progress", "::progress x", "::progress nan", "::progress inf", " ::progress 1", "::progres 1"])
    func noProgress(line: String) {
        #expect(capture("GO\n\(line)\n").1 == [.log("\(line)\n")])
    }
}
