internal import NIOCore

/// Delays a client's half-closure by one turn of the event loop. A decoder that is being removed returns its buffered
/// bytes in the next turn; if it had seen the end of input before, it would drop them.
final class HalfCloseHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        context.eventLoop.assumeIsolated().execute {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }
}
