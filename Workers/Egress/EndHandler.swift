internal import NIOCore

/// Lets a client's end of input wait for one turn of the loop. A decoder that is being removed gives back what it has
/// read in the next turn; had it seen the end by then, it would drop that.
final class EndHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed? = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        context.eventLoop.assumeIsolated().execute {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }
}
