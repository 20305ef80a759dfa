internal import NIOCore

/// One of the two ends between which bytes pass: it reads no faster than the other writes.
final class Relay: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny
    typealias OutboundOut = NIOAny

    enum End {
        case client
        /// A server at the end of a tunnel: bytes, each direction ending for itself.
        case tunnel
        /// A server that gets one request and sends one answer, whose end is the end.
        case request
    }

    private let end: End
    private var context: ChannelHandlerContext?
    private var partner: Relay?
    private var owesRead = false

    init(_ end: End) {
        self.end = end
    }

    func join(_ other: Relay) {
        partner = other
        other.partner = self
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // By then a client may have been joined with the next attempt at a server.
        if partner?.partner === self { partner?.partner = nil }
        partner = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner?.context?.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
    }

    /// Without a partner what comes is read and dropped, until the connection is closed.
    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable ?? true {
            context.read()
        } else {
            owesRead = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.readOwed() }
    }

    private func readOwed() {
        guard owesRead, let context else { return }
        owesRead = false
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            close()
        } else if event is MeterHandler.Spent {
            partner?.finish()
        } else if case .inputClosed? = event as? ChannelEvent {
            if end == .request {
                close()
            } else {
                partner?.context?.endOutput()
            }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        partner?.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close()
    }

    private func close() {
        partner?.finish()
        finish()
    }

    private func finish() {
        if end == .request {
            context?.close(promise: nil)
        } else {
            context?.finish()
        }
    }
}
