internal import Bytes
internal import NIOCore
internal import NIOWebSocket

/// A client's end of a WebSocket in the channel: masks what is sent, answers pings and closes (RFC 6455). The last
/// handler of its pipeline, after those that decode frames and put messages together.
///
/// No more is read while many messages wait to be taken.
final class ClientSocketHandler: ChannelDuplexHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Bytes that may wait for a server that doesn't read.
    private static let queueBytes = 1 << 20
    /// How long the last frames may take to go out.
    private static let closeTimeout = TimeAmount.seconds(2)

    let inbox = ClientInbox()
    private let random: @Sendable (Int) -> [UInt8]
    private var context: ChannelHandlerContext?
    private var isReadPending = false
    private var isClosing = false
    /// Bytes that the kernel hasn't taken yet.
    private var queued = 0

    init(world: World) { random = world.random }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        inbox.end("the connection was lost")
    }

    func read(context: ChannelHandlerContext) {
        if inbox.isFull { isReadPending = true } else { context.read() }
    }

    /// Goes on reading, when there is room for it.
    func resume() {
        guard isReadPending, !inbox.isFull else { return }
        isReadPending = false
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text: inbox.receive(Array(frame.unmaskedData.readableBytesView))
        case .ping: write(.pong, frame.unmaskedData)
        case .connectionClose: answerClose(frame.unmaskedData)
        default: break
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        inbox.end("the connection was lost")
        context.fireChannelInactive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            inbox.end("the server is silent")
            context.close(promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        inbox.end("\(error)")
        context.close(promise: nil)
    }

    /// Sends a text message. Throws when the socket is closed, or too much waits already.
    func send(_ text: ByteBuffer) throws {
        guard let context, !isClosing else { throw ClientSocket.Closed(reason: inbox.ending ?? "closed") }
        guard queued <= Self.queueBytes else {
            inbox.end("the server reads too slowly")
            context.close(promise: nil)
            throw ClientSocket.Closed(reason: "the server reads too slowly")
        }
        let size = text.readableBytes
        queued += size
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in self.queued -= size }
        write(.text, text, written)
    }

    /// Closes; what was sent before still goes out.
    func close(_ code: UInt16 = 1_000) {
        var payload = ByteBuffer()
        payload.writeInteger(code)
        inbox.end("closed")
        finish(payload)
    }

    private func answerClose(_ payload: ByteBuffer) {
        var rest = payload
        let code = rest.readInteger(as: UInt16.self).map { " with \($0)" } ?? ""
        let reason = String(decoding: rest.readableBytesView, as: UTF8.self)
        inbox.end("the server closed the socket\(code)" + (reason.isEmpty ? "" : ": \(reason)"))
        finish(payload)
    }

    private func finish(_ payload: ByteBuffer) {
        guard let context, !isClosing else { return }
        isClosing = true
        let channel = context.channel
        let written = context.eventLoop.makePromise(of: Void.self)
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        write(.connectionClose, payload, written)
        // It may never be written.
        _ = context.eventLoop.scheduleTask(in: Self.closeTimeout) { channel.close(promise: nil) }
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, _ promise: EventLoopPromise<Void>? = nil) {
        guard let context else {
            promise?.fail(ClientSocket.Closed(reason: "closed"))
            return
        }
        let frame = WebSocketFrame(
            fin: true, opcode: opcode, maskKey: WebSocketMaskingKey(random(4)), data: payload)
        context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
    }
}
