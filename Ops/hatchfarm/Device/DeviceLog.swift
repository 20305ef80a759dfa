internal import API
internal import Bytes
internal import Glibc

/// What a device says it does: one line an event on standard output, with its time. Never blocks on a slow reader.
struct DeviceLog: Sendable {
    private static let output = LogSink(descriptor: STDOUT_FILENO)

    /// What comes from a server or a customer may be in `text`: control characters are removed.
    func callAsFunction(_ text: String) {
        Self.output.write("\(RFC3339.format(World.live.now())) \(Text.truncated(Text.sanitized(text), to: 500))".utf8)
    }

    /// Waits until all lines are out, for half a second at most.
    static func drain() { output.drain(milliseconds: 500) }
}
