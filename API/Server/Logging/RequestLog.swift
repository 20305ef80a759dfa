package import Bytes
package import Logging

/// A line for each request when it comes, and one for its reply (CONTRACT 9), when the level asks for it. The query is
/// left out: it may hold secrets.
package struct RequestLog: Sendable {
    private let sink: LogSink
    private let isOn: Bool
    private let now: @Sendable () -> Int64

    /// Lines are written at `.info` and below.
    package init(level: Logger.Level, sink: LogSink = .standardError, world: World = .live) {
        self.sink = sink
        isOn = level <= .info
        now = world.now
    }

    func write(_ exchange: Exchange) {
        write("request", exchange) { _ in }
    }

    func write(_ exchange: Exchange, status: Int, nanoseconds: Int64) {
        write("reply", exchange) { line in
            line.field("operation", exchange.served?.route.id)
            line.field("status", status)
            line.field("microseconds", nanoseconds / 1_000)
        }
    }

    private func write(_ message: String, _ exchange: Exchange, _ rest: (inout JSONWriter) -> Void) {
        guard isOn else { return }
        var line = JSONWriter()
        line.beginObject()
        line.field("time", RFC3339.format(now()))
        line.field("level", "info")
        line.field("message", message)
        line.field("request", exchange.id)
        if let trace = exchange.trace { line.field("trace_id", trace.traceID) }
        line.field("method", exchange.method)
        line.field("path", String(exchange.path.prefix(512)))
        line.field("address", exchange.address)
        rest(&line)
        line.endObject()
        sink.write(line.bytes)
    }
}
