/// The trace that a piece of work belongs to, as W3C's Trace Context writes it in `traceparent`:
/// `00-<32 hex: the trace>-<16 hex: the caller's span>-<2 hex: flags>`.
package struct TraceContext: Sendable, Equatable {
    /// 32 lowercase hex digits, not all 0.
    package let traceID: String
    /// 16 lowercase hex digits, not all 0.
    package let spanID: String
    /// 2 hex digits; whoever began the trace says in them whether it is recorded.
    private let flags: String

    /// Of the task at hand: its log lines and its calls carry it on.
    @TaskLocal package static var current: TraceContext?

    /// nil for what is no `traceparent`: such a one is ignored, as the standard says.
    package init?(_ traceparent: String) {
        let bytes = Array(traceparent.utf8)
        guard bytes.count >= 55, bytes.count <= 512, let version = Self.hex(bytes[0..<2]), version != "ff",
            // A later version may say more behind a further dash.
            bytes.count == 55 || (version != "00" && bytes[55] == UInt8(ascii: "-")),
            [2, 35, 52].allSatisfy({ bytes[$0] == UInt8(ascii: "-") }),
            let trace = Self.hex(bytes[3..<35]), let span = Self.hex(bytes[36..<52]),
            let flags = Self.hex(bytes[53..<55]), trace.contains(where: { $0 != "0" }),
            span.contains(where: { $0 != "0" })
        else { return nil }
        (traceID, spanID, self.flags) = (trace, span, flags)
    }

    private init(traceID: String, spanID: String, flags: String) {
        (self.traceID, self.spanID, self.flags) = (traceID, spanID, flags)
    }

    package var traceparent: String { "00-\(traceID)-\(spanID)-\(flags)" }

    /// The same trace, seen from a span of our own.
    package func child(in world: World) -> TraceContext {
        TraceContext(traceID: traceID, spanID: Hex.encode(world.random(8)), flags: flags)
    }

    private static func hex(_ bytes: ArraySlice<UInt8>) -> String? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        let letters = UInt8(ascii: "a")...UInt8(ascii: "f")
        guard bytes.allSatisfy({ digits.contains($0) || letters.contains($0) }) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }
}
