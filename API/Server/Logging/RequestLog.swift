package import Bytes
package import Logging

/// One line a request (CONTRACT 9), when the level asks for it. The query is left out: it may hold secrets.
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

    func write(_ exchange: Exchange, status: Int, nanoseconds: Int64) {
        guard isOn else { return }
        var line = JSONWriter()
        line.beginObject()
        line.field("time", RFC3339.format(now()))
        line.field("level", "info")
        line.field("message", "request")
        line.field("request", exchange.id)
        line.field("method", exchange.method)
        line.field("path", String(exchange.path.prefix(512)))
        line.field("operation", exchange.served?.route.id)
        line.field("status", status)
        line.field("microseconds", nanoseconds / 1_000)
        line.field("address", exchange.address)
        line.endObject()
        sink.write(line.bytes)
    }
}
