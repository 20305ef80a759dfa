internal import NIOCore

/// One of two connected channels that forward bytes to each other, with back-pressure: reads no faster than the other
/// writes.
final class Relay: ChannelDuplexHandler {
    typealias InboundIn = NIOAny
    typealias OutboundIn = NIOAny
    typealias OutboundOut = NIOAny

    enum End {
        case client
        /// The server of a tunnel: each direction is closed independently.
        case tunnel
        /// A server that gets one request; the end of its response closes the connection.
        case request
    }

    private let end: End
    private var context: ChannelHandlerContext?
    private var partner: Relay?
    private var isReadPending = false

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
        // The client may have been joined with the next connection attempt by then.
        if partner?.partner === self { partner?.partner = nil }
        partner = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        partner?.context?.write(data, promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        partner?.context?.flush()
    }

    /// Without a partner, data is read and discarded until the connection is closed.
    func read(context: ChannelHandlerContext) {
        if partner?.context?.channel.isWritable ?? true {
            context.read()
        } else {
            isReadPending = true
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { partner?.readPending() }
    }

    private func readPending() {
        guard isReadPending, let context else { return }
        isReadPending = false
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            close()
        } else if event is MeterHandler.LimitReached {
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
