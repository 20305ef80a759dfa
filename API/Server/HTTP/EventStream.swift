package import Bus
internal import HTTPTypes
internal import NIOCore

/// Server-sent events, as a handler writes them.
package struct EventStream {
    private let writer: BodyWriter
    private let isAbandoned: @Sendable () -> Bool

    init(_ writer: BodyWriter, isAbandoned: @escaping @Sendable () -> Bool) {
        self.writer = writer
        self.isAbandoned = isAbandoned
    }

    /// One event. `id` and `name` hold no line breaks; those of `data` become several `data:` lines.
    /// Throws when the client is gone.
    package mutating func send(id: String? = nil, event name: String? = nil, data: [UInt8]) async throws {
        var buffer = ByteBuffer()
        if let id { buffer.writeString("id: \(id)\n") }
        if let name { buffer.writeString("event: \(name)\n") }
        for line in data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            buffer.writeString("data: ")
            buffer.writeBytes(line)
            buffer.writeInteger(UInt8(ascii: "\n"))
        }
        buffer.writeInteger(UInt8(ascii: "\n"))
        try await writer.write(buffer)
    }

    /// A comment, which keeps proxies from closing and shows a client that is gone.
    package mutating func pulse() async throws {
        try await writer.write(ByteBuffer(string: ":\n\n"))
    }

    /// Calls `deliver` now, at every publication, and at least once in `interval`, until it returns true (all has
    /// been said), the client hangs up or the process shuts down. Comments every 15 s of silence.
    package mutating func follow(
        _ subscription: Subscription, every interval: Duration = .seconds(2),
        _ deliver: (inout EventStream) async throws -> Bool
    ) async throws {
        var silence = Duration.zero
        while true {
            if try await deliver(&self) || isAbandoned() { return }
            switch await subscription.wait(for: interval) {
            case .published: silence = .zero
            case .timedOut:
                silence += interval
                if silence >= .seconds(15) {
                    try await pulse()
                    silence = .zero
                }
            case .closed: return
            }
        }
    }
}

extension Reply {
    /// A stream of events that ends when `body` returns.
    package static func events(
        for call: Call, _ body: @escaping @Sendable (inout EventStream) async throws -> Void
    ) -> Reply {
        stream(.ok, type: "text/event-stream") { writer in
            var stream = EventStream(writer) { call.isAbandoned }
            // The head is sent at once, so that the client knows it is heard.
            try await stream.pulse()
            try await body(&stream)
        }
        .with(.cacheControl, "no-store")
    }
}
