internal import Bytes
package import Logging

/// The log: one JSON object a line (CONTRACT 9), by way of a sink that never makes its writer wait. Lines of a task
/// that belongs to a trace name it.
package struct JSONLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let label: String
    private let sink: LogSink
    private let now: @Sendable () -> Int64

    package init(
        label: String, level: Logger.Level, sink: LogSink = .standardError,
        now: @escaping @Sendable () -> Int64 = World.live.now
    ) {
        self.label = label
        self.logLevel = level
        self.sink = sink
        self.now = now
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var line = JSONWriter()
        line.beginObject()
        line.field("time", RFC3339.format(now()))
        line.field("level", event.level.rawValue)
        line.field("log", label)
        line.field("message", event.message.description)
        var metadata = metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 })
        if let trace = TraceContext.current, metadata["trace_id"] == nil {
            metadata["trace_id"] = "\(trace.traceID)"
        }
        for (key, value) in metadata {
            line.field(key, value.description)
        }
        line.endObject()
        sink.write(line.bytes)
    }
}
