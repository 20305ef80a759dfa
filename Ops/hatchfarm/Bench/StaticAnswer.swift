internal import ArgumentParser
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// `hatchfarm static-answer`: a server that does nothing but HTTP, on the libraries below ours. What a call costs there
/// is what `hatchfarm bench --floor` holds the server's own costs against.
struct StaticAnswer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "static-answer",
        abstract: "Answers every request with the same text, until it is terminated.",
        discussion: """
            EXAMPLE
              hatchfarm static-answer --port 8081
            """,
        shouldDisplay: false)

    @Option(help: "The port on this machine, 1–65535.") var port: Int

    func validate() throws {
        guard (1...65_535).contains(port) else { throw ValidationError("--port must be from 1 to 65535.") }
    }

    func run() async throws {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(StaticAnswerHandler())
                }
            }
            .bind(host: ServerUnderTest.host, port: port).get()
        try await channel.closeFuture.get()
    }
}

/// Answers each complete request as a submit is, with about as many bytes.
private final class StaticAnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private static let body = ByteBuffer(string: #"{"text":""# + String(repeating: "x", count: 589) + #""}"#)

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .end = unwrapInboundIn(data) else { return }
        let headers: HTTPHeaders = [
            "Content-Type": "application/json", "Content-Length": "\(Self.body.readableBytes)",
        ]
        let head = HTTPResponseHead(version: .http1_1, status: .created, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(Self.body))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
