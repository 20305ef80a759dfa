internal import Bus
package import Bytes
internal import NIOCore
internal import Synchronization

/// An open WebSocket, as its handler uses it: from any task, at any time.
package final class WebSocket: Sendable {
    private let handler: NIOLoopBound<SocketHandler>
    private let loop: any EventLoop
    private let inbox: SocketInbox
    private let bus: LocalBus
    private let subscriptions = Mutex<[String: Subscription]>([:])

    /// To be made on the event loop.
    init(_ handler: SocketHandler, _ loop: any EventLoop, bus: LocalBus) {
        self.handler = NIOLoopBound(handler, eventLoop: loop)
        self.loop = loop
        self.bus = bus
        inbox = handler.inbox
    }

    /// What happens to the socket, until it is closed or the task cancelled. For one loop at a time.
    ///
    /// When the client closes, or the server shuts down, what was received before comes first, and can still be
    /// answered for a while (`SocketLimits.closeTimeout`).
    package var events: AsyncStream<SocketEvent> { AsyncStream { await self.next() } }

    private func next() async -> SocketEvent? {
        let event = await inbox.next()
        onLoop { $0.resume() }
        return event
    }

    /// Sends a text message, which must be UTF-8. Doesn't wait for the client to read it, but closes one that is more
    /// than `SocketLimits.queueBytes` behind.
    package func send(_ text: [UInt8]) async throws(SocketClosed) {
        if loop.inEventLoop { return try handler.value.send(ByteBuffer(bytes: text)) }
        do {
            try await loop.submit { [handler] in try handler.value.send(ByteBuffer(bytes: text)) }.get()
        } catch {
            throw SocketClosed()
        }
    }

    /// Sends a text message of compact JSON.
    package func send(_ json: JSON) async throws(SocketClosed) { try await send(json.bytes(.compact)) }

    /// Closes. What was sent before still goes out; nothing can be sent afterwards.
    ///
    /// - Parameter reason: for the client: names nothing internal. At most 123 bytes are sent.
    package func close(_ code: SocketCloseCode, _ reason: String = "") { onLoop { $0.close(code, reason) } }

    /// Closes with 1008 then: the credential that opened the socket ends.
    package func expire(after delay: Duration) {
        onLoop { handler in handler.once(after: delay) { $0.close(.policyViolation, "the credential has expired") } }
    }

    /// From now on `events` has `.published` for the topic: at once, at every publication, and at least once in
    /// `interval`, since a publication may be lost between two servers. Once for each topic.
    /// - Parameter interval: nil for one who looks again by himself, and may stop following.
    package func follow(_ topic: String, every interval: Duration?) {
        let subscription = bus.subscribe([topic]) { [inbox] in inbox.publish(topic) }
        subscriptions.withLock { $0[topic] = subscription }
        inbox.publish(topic)
        guard let interval else { return }
        onLoop { handler in handler.repeatedly(interval) { $0.inbox.publish(topic) } }
    }

    /// Ends what `follow` without an interval began.
    package func unfollow(_ topic: String) { subscriptions.withLock { $0[topic] = nil } }

    private func onLoop(_ act: @escaping @Sendable (SocketHandler) -> Void) {
        if loop.inEventLoop { return act(handler.value) }
        loop.execute { [handler] in act(handler.value) }
    }
}
