internal import NIOCore

/// The handler next to a server's socket; passes only what the meter admits.
final class MeterHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The traffic limit is reached; the last admitted bytes are being sent.
    struct LimitReached {}

    private let meter: EgressMeter
    private var isLimitReached = false

    init(_ meter: EgressMeter) {
        self.meter = meter
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isLimitReached else { return }
        var bytes = unwrapInboundIn(data)
        let count = bytes.readableBytes
        let admitted = meter.admit(count, .received)
        if let part = bytes.readSlice(length: admitted), admitted > 0 { context.fireChannelRead(wrapInboundOut(part)) }
        guard admitted < count else { return }
        isLimitReached = true
        context.fireChannelReadComplete()
        context.close(promise: nil)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var bytes = unwrapOutboundIn(data)
        let count = isLimitReached ? 0 : bytes.readableBytes
        let admitted = meter.admit(count, .sent)
        guard admitted < bytes.readableBytes else { return context.write(wrapOutboundOut(bytes), promise: promise) }
        if let part = bytes.readSlice(length: admitted) { context.write(wrapOutboundOut(part), promise: nil) }
        promise?.fail(ChannelError.outputClosed)
        guard !isLimitReached else { return }
        isLimitReached = true
        context.finish()
        context.fireUserInboundEventTriggered(LimitReached())
    }

    func read(context: ChannelHandlerContext) {
        if !isLimitReached { context.read() }
    }
}

extension ChannelHandlerContext {
    /// Flushes, closes the output, and closes the channel once the other side has had time to read: closing at once,
    /// with unread input, would reset the connection and lose the last bytes.
    func finish() {
        let (channel, loop) = (channel, eventLoop)
        endOutput { _ = loop.scheduleTask(in: .seconds(2)) { channel.close(promise: nil) } }
        // Don't wait for a peer that doesn't read.
        loop.scheduleTask(in: .seconds(30)) { channel.close(promise: nil) }
    }

    /// Closes the output after flushing. (Closing it directly would drop pending writes once the input is closed.)
    func endOutput(then: @escaping @Sendable () -> Void = {}) {
        let channel = channel
        writeAndFlush(NIOAny(ByteBuffer())).whenComplete { _ in
            channel.close(mode: .output, promise: nil)
            then()
        }
    }
}
