import Bytes
import Testing

@Suite("A traceparent")
struct TraceContextTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    private static let span = "00f067aa0ba902b7"

    @Test("is read, and written as it was")
    func valid() throws {
        let text = "00-\(Self.trace)-\(Self.span)-01"
        let context = try #require(TraceContext(text))
        #expect(context.traceID == Self.trace && context.spanID == Self.span && context.traceparent == text)
        let child = context.child(in: .live)
        #expect(child.traceID == Self.trace && child.spanID != Self.span)
        #expect(TraceContext(child.traceparent) == child && child.traceparent.hasSuffix("-01"))
    }

    @Test("of a later version counts as far as it is known")
    func later() throws {
        let context = try #require(TraceContext("cc-\(Self.trace)-\(Self.span)-01-more"))
        #expect(context.traceparent == "00-\(Self.trace)-\(Self.span)-01")
        #expect(TraceContext("cc-\(Self.trace)-\(Self.span)-01") != nil)
    }

    @Test(
        "that is none is ignored",
        arguments: [
            "", "00", "00-\(trace)-\(span)", "00-\(trace)-\(span)-0", "00-\(trace)-\(span)-01-more",
            "ff-\(trace)-\(span)-01", "0g-\(trace)-\(span)-01", "00-\(trace.uppercased())-\(span)-01",
            "00-\(String(repeating: "0", count: 32))-\(span)-01", "00-\(trace)-\(String(repeating: "0", count: 16))-01",
            "00_\(trace)-\(span)-01", "00-\(trace)-\(span)-0x", "cc-\(trace)-\(span)-01more", "é0-\(trace)-\(span)-1",
            "00-\(trace)-\(span)-01\u{0}", String(repeating: "0", count: 10_000),
        ])
    func invalid(text: String) {
        #expect(TraceContext(text) == nil)
    }
}
