internal import NIOCore

/// Stands next to a server's socket and lets pass what the meter admits.
final class MeterHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What was written is more than may go out: the last of it is on its way.
    struct Spent {}

    private let meter: EgressMeter
    private var isSpent = false

    init(_ meter: EgressMeter) {
        self.meter = meter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isSpent else { return }
        var bytes = unwrapInboundIn(data)
        let count = bytes.readableBytes
        let admitted = meter.admit(count, .received)
        if let part = bytes.readSlice(length: admitted), admitted > 0 { context.fireChannelRead(wrapInboundOut(part)) }
        guard admitted < count else { return }
        isSpent = true
        context.fireChannelReadComplete()
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        let count = isSpent ? 0 : bytes.readableBytes
        let admitted = meter.admit(count, .sent)
        guard admitted < bytes.readableBytes else { return context.write(wrapOutboundOut(bytes), promise: promise) }
        if let part = bytes.readSlice(length: admitted) { context.write(wrapOutboundOut(part), promise: nil) }
        promise?.fail(ChannelError.outputClosed)
        guard !isSpent else { return }
        isSpent = true
        context.finish()
        context.fireUserInboundEventTriggered(Spent())
    }

    func read(context: ChannelHandlerContext) {
        if !isSpent { context.read() }
    }
}

extension ChannelHandlerContext {
    /// Lets what was written go out, ends this direction, and closes when the other side has had time to read it: a
    /// close at once, with something of theirs unread, would take the last words from them.
    func finish() {
        let (channel, loop) = (channel, eventLoop)
        endOutput { _ = loop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) } }
        // Who doesn't read is not waited for.
        loop.scheduleTask(in: .seconds(30)) { channel.close(promise: nil) }
    }

    /// Ends this direction after what was written. (A plain close of the output drops that once the input is closed.)
    func endOutput(then: @escaping @Sendable () -> Void = {}) {
        let channel = channel
        writeAndFlush(NIOAny(ByteBuffer())).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            then()
        }
    }
}
