internal import NIOCore

/// Tells the connection of bytes before and after they are parsed: of a head that isn't complete the parser says
/// nothing.
final class ArrivalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: ClientConnection

    init(_ connection: ClientConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        connection.willParse()
        context.fireChannelRead(data)
        connection.didParse()
    }
}
