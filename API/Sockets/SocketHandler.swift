internal import Bytes
internal import NIOCore
internal import NIOWebSocket

/// One client's end of a socket in the channel: limits, pings and the closing handshake. It stands before the
/// handlers of HTTP, which get nothing more to read; they stay for what they count and for the channel's end.
///
/// The channel reads when this handler asks it to, so that a client which sends faster than its messages are handled
/// is slowed down.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    private enum Phase {
        /// The upgrade isn't answered yet.
        case opening
        case open
        /// It will be closed like this, once what came before is handled.
        case leaving(Farewell)
        /// We closed, and wait for the client's answer. What else it sends is thrown away.
        case closing
        case closed
    }

    private enum Farewell {
        /// The answer to the client's close, with its code.
        case answer(UInt16?)
        case ours(SocketFault)

        var code: UInt16 {
            switch self {
            case .answer(let code): code ?? 1005
            case .ours(let fault): fault.code.rawValue
            }
        }
    }

    let inbox: SocketInbox
    private let limits: SocketLimits
    private let meter: SocketMeter
    private let messages: RateLimiter
    private let controls: RateLimiter
    private let clock: @Sendable () -> Int64
    private var assembler: MessageAssembler
    private var phase = Phase.opening
    private var context: ChannelHandlerContext?
    private var timers: [() -> Void] = []
    /// Bytes that the kernel hasn't taken yet.
    private var queued = 0
    private var isPaused = false
    private var awaitsPong = false
    /// Messages over the rate, and the last one's time.
    private var excess = (count: 0, last: Int64(0))

    init(_ limits: SocketLimits, meter: SocketMeter, world: World) {
        self.limits = limits
        self.meter = meter
        clock = world.monotonic
        inbox = SocketInbox(backlog: limits.backlog)
        messages = RateLimiter(limits.rate, clock: world.monotonic)
        controls = RateLimiter(limits.rate, clock: world.monotonic)
        assembler = MessageAssembler(limits)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    /// The upgrade is answered: frames may flow. Throws when the client is gone.
    func open() throws {
        guard case .opening = phase, let context, context.channel.isActive else { throw SocketClosed() }
        try context.pipeline.syncOperations.addHandler(WebSocketFrameEncoder(), position: .first)
        phase = .open
        meter.opened()
        repeatedly(limits.pingInterval) { $0.ping() }
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch phase {
        case .open:
            do throws(SocketFault) { try take(frame) } catch { close(error.code, error.reason) }
        case .closing:
            if frame.opcode == .connectionClose { hangUp() }
        case .opening, .leaving, .closed: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .open:
            isPaused = inbox.isFull
            if !isPaused { context.read() }
        case .closing: context.read()
        case .opening, .leaving, .closed: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        if case .open = phase { meter.closed(1006) }
        end()
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is ChannelShouldQuiesceEvent, case .open = phase {
            leave(.ours(SocketFault(.goingAway, "shutting down")))
        }
        // Half a connection is none: the client can neither close nor answer a ping.
        if let event = event as? ChannelEvent, event == .inputClosed { hangUp() }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error {
        case let error as NIOWebSocketError:
            guard case .open = phase else { return }
            if error == .invalidFrameLength {
                close(.messageTooBig, "frame over \(limits.frameBytes) bytes")
            } else {
                close(.protocolError, "control frame that is long or in pieces")
            }
            // Nothing more can be read, the client's answer neither: it is told that we go.
            context.close(mode: .output, promise: nil)
        case ByteToMessageDecoderError.dataReceivedInErrorState: break
        default: hangUp()
        }
    }
}

/// What the client sends.
extension SocketHandler {
    private func take(_ frame: WebSocketFrame) throws(SocketFault) {
        switch try assembler.take(frame) {
        case nil: break
        case .text(let bytes): receive(bytes)
        case .ping(let payload):
            try chargeControl()
            write(.pong, payload)
        case .pong:
            try chargeControl()
            awaitsPong = false
        case .close(let code): leave(.answer(code))
        }
    }

    /// Closes once the handler has taken what is here, and sent what it has to say of it; it has only so long.
    private func leave(_ farewell: Farewell) {
        phase = .leaving(farewell)
        meter.closed(farewell.code)
        inbox.end()
        once(after: limits.closeTimeout) { $0.close(.normal, "") }
    }

    private func receive(_ text: [UInt8]) {
        meter.received()
        guard messages.take("") != nil else { return inbox.receive(text) }
        let now = clock()
        if now - excess.last > 10_000 { excess.count = 0 }
        excess = (excess.count + 1, now)
        if excess.count == 1 { inbox.noteRateLimit() }
        if excess.count > limits.excess {
            leave(.ours(SocketFault(.policyViolation, "too many messages")))
        }
    }

    private func chargeControl() throws(SocketFault) {
        if controls.take("") != nil { throw SocketFault(.policyViolation, "too many control frames") }
    }

    private func ping() {
        guard case .open = phase else { return }
        // While we don't read, the answer may be waiting.
        if awaitsPong, !isPaused { return close(.policyViolation, "no answer to a ping") }
        awaitsPong = true
        write(.ping, ByteBuffer())
    }
}

/// What the socket's handler asks for.
extension SocketHandler {
    /// Sends a text message, unless too much waits already.
    func send(_ text: ByteBuffer) throws(SocketClosed) {
        guard let context else { throw SocketClosed() }
        switch phase {
        case .open, .leaving: break
        case .opening, .closing, .closed: throw SocketClosed()
        }
        guard queued <= limits.queueBytes else {
            close(.tryAgainLater, "reads too slowly")
            throw SocketClosed()
        }
        let size = text.readableBytes
        queued += size
        meter.sent()
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.queued -= size }
        write(.text, text, written)
    }

    /// Goes on reading, when there is room for it.
    func resume() {
        guard isPaused, !inbox.isFull else { return }
        isPaused = false
        context?.read()
    }

    /// Begins the closing handshake, or goes on with the one that has begun.
    func close(_ code: SocketCloseCode, _ reason: String) {
        switch phase {
        case .open:
            meter.closed(code.rawValue)
            inbox.end()
            begin(SocketFault(code, reason))
        case .leaving(.ours(let fault)): begin(fault)
        case .leaving(.answer(let code)):
            guard let context else { return }
            once(after: limits.closeTimeout) { $0.hangUp() }
            phase = .closed
            let written = context.eventLoop.makePromise(of: Void.self)
            written.futureResult.whenComplete { [channel = context.channel] _ in channel.close(promise: nil) }
            write(.connectionClose, code.map { Self.payload($0, "") } ?? ByteBuffer(), written)
        case .opening, .closing, .closed: break
        }
    }

    /// Our half of the closing handshake.
    private func begin(_ fault: SocketFault) {
        phase = .closing
        write(.connectionClose, Self.payload(fault.code.rawValue, fault.reason))
        once(after: limits.closeTimeout) { $0.hangUp() }
        isPaused = false
        context?.read()
    }

    /// Acts again and again until the socket ends.
    func repeatedly(_ interval: Duration, _ act: @escaping (SocketHandler) -> Void) {
        guard let context, isAlive else { return }
        let bound = NIOLoopBound((self, act), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleRepeatedTask(
            initialDelay: TimeAmount(interval), delay: TimeAmount(interval)
        ) { _ in bound.value.1(bound.value.0) }
        timers.append { task.cancel() }
    }

    /// Acts once, unless the socket ends before.
    func once(after delay: Duration, _ act: @escaping (SocketHandler) -> Void) {
        guard let context, isAlive else { return }
        let bound = NIOLoopBound((self, act), eventLoop: context.eventLoop)
        let task = context.eventLoop.scheduleTask(in: TimeAmount(delay)) { bound.value.1(bound.value.0) }
        timers.append { task.cancel() }
    }
}

/// The end.
extension SocketHandler {
    /// Whether timers will be cancelled yet.
    private var isAlive: Bool { if case .closed = phase { false } else { true } }

    private func hangUp() { context?.close(promise: nil) }

    private func end() {
        phase = .closed
        for cancel in timers { cancel() }
        timers = []
        inbox.end()
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, _ promise: EventLoopPromise<Void>? = nil) {
        guard let context else {
            promise?.fail(SocketClosed())
            return
        }
        context.writeAndFlush(
            wrapOutboundOut(WebSocketFrame(fin: true, opcode: opcode, data: payload)), promise: promise)
    }

    /// A control frame holds 125 bytes.
    private static func payload(_ code: UInt16, _ reason: String) -> ByteBuffer {
        var text = reason
        while text.utf8.count > 123 { text.removeLast() }
        var payload = ByteBuffer(integer: code)
        payload.writeString(text)
        return payload
    }
}
