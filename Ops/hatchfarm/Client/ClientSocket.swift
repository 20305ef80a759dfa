internal import Bytes
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import NIOSSL
internal import NIOWebSocket

/// An open WebSocket at a server: text messages in both directions, from any task.
final class ClientSocket: Sendable {
    /// The server answered the handshake with another status than 101.
    struct Refused: Error {
        let status: Int
    }

    /// Nothing more can be sent.
    struct Closed: Error {
        let reason: String
    }

    /// Bytes of one message from the server: the largest that it sends carries the parameters of a command twice.
    private static let messageBytes = 256 << 10
    /// For the connection, and again for the handshake.
    private static let timeout = TimeAmount.seconds(10)
    /// The server pings every 30 s (CONTRACT 6): one that is silent for longer is gone.
    private static let silence = TimeAmount.seconds(75)

    private let handler: NIOLoopBound<ClientSocketHandler>
    private let loop: any EventLoop
    private let inbox: ClientInbox

    /// On the event loop.
    private init(_ handler: ClientSocketHandler, _ loop: any EventLoop) {
        self.handler = NIOLoopBound(handler, eventLoop: loop)
        self.loop = loop
        inbox = handler.inbox
    }

    /// The next message; nil when there will be none, or the task is cancelled. For one task at a time.
    func next() async -> [UInt8]? {
        let message = await inbox.next()
        loop.execute { [handler] in handler.value.resume() }
        return message
    }

    /// Why nothing more comes; what the server says of it is untrusted.
    var ending: String { inbox.ending ?? "closed" }

    /// Sends a text message, which must be UTF-8. Throws `Closed`.
    func send(_ text: [UInt8]) async throws {
        try await loop.submit { [handler] in try handler.value.send(ByteBuffer(bytes: text)) }.get()
    }

    /// Closes with 1000. What was sent before still goes out.
    func close() {
        loop.execute { [handler] in handler.value.close() }
    }
}

/// The handshake.
extension ClientSocket {
    private enum Answer: Sendable {
        case open(ClientSocket)
        /// With the status of the response.
        case refused(EventLoopFuture<Int>)
    }

    private struct Handshake: Sendable {
        let channel: any Channel
        let answer: EventLoopFuture<Answer>
    }

    private static let secureContext = Result { try NIOSSLContext(configuration: .makeClientConfiguration()) }

    /// - Parameters:
    ///   - server: its URL.
    ///   - fields: of the request's head; credentials go here and never into the path.
    /// - Throws: `Refused`, or `Failure.unreachable`.
    static func open(
        _ server: String, _ path: String, _ fields: [(name: String, value: String)], world: World = .live
    ) async throws -> ClientSocket {
        let address = try ServerAddress(server)
        let handshake: Handshake
        do {
            handshake = try await begin(address, path, fields, world)
        } catch {
            throw Failure.unreachable("cannot reach \(server): \(Client.reason(error))")
        }
        let channel = handshake.channel
        let late = channel.eventLoop.scheduleTask(in: timeout) { channel.close(promise: nil) }
        defer { late.cancel() }
        do {
            switch try await handshake.answer.get() {
            case .open(let socket): return socket
            case .refused(let status): throw Refused(status: try await status.get())
            }
        } catch {
            channel.close(promise: nil)
            if error is Refused { throw error }
            throw Failure.unreachable("\(server) opens no WebSocket: \(Client.reason(error))")
        }
    }

    private static func begin(
        _ address: ServerAddress, _ path: String, _ fields: [(name: String, value: String)], _ world: World
    ) async throws -> Handshake {
        let context = try address.isSecure ? secureContext.get() : nil
        let configuration = pipeline(address, path, fields, world)
        return try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(timeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: address.name, port: address.port) { channel in
                channel.eventLoop.makeCompletedFuture { () throws -> Handshake in
                    let operations = channel.pipeline.syncOperations
                    if let context {
                        try operations.addHandler(
                            NIOSSLClientHandler(context: context, serverHostname: address.certificateName))
                    }
                    let answer = try operations.configureUpgradableHTTPClientPipeline(configuration: configuration)
                    return Handshake(channel: channel, answer: answer)
                }
            }
    }

    private static func pipeline(
        _ address: ServerAddress, _ path: String, _ fields: [(name: String, value: String)], _ world: World
    ) -> NIOUpgradableHTTPClientPipelineConfiguration<Answer> {
        var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: address.prefix + path)
        head.headers.add(name: "Host", value: address.authority)
        head.headers.add(name: "User-Agent", value: Client.version)
        for (name, value) in fields { head.headers.add(name: name, value: value) }
        let upgrader = NIOTypedWebSocketClientUpgrader<Answer>(
            requestKey: Base64.encode(world.random(16)), maxFrameSize: messageBytes,
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture { Answer.open(try install(on: channel, world)) }
            })
        let upgrade = NIOTypedHTTPClientUpgradeConfiguration<Answer>(
            upgradeRequestHead: head, upgraders: [upgrader],
            notUpgradingCompletionHandler: { channel in
                channel.eventLoop.makeCompletedFuture { () throws -> Answer in
                    let status = channel.eventLoop.makePromise(of: Int.self)
                    try channel.pipeline.syncOperations.addHandler(StatusReader(status))
                    return Answer.refused(status.futureResult)
                }
            })
        var configuration = NIOUpgradableHTTPClientPipelineConfiguration(upgradeConfiguration: upgrade)
        // The server's first message may come together with its answer.
        configuration.leftOverBytesStrategy = .forwardBytes
        return configuration
    }

    /// On the event loop.
    private static func install(on channel: any Channel, _ world: World) throws -> ClientSocket {
        let handler = ClientSocketHandler(world: world)
        let handlers: [any ChannelHandler] = [
            NIOWebSocketFrameAggregator(
                minNonFinalFragmentSize: 1, maxAccumulatedFrameCount: 256, maxAccumulatedFrameSize: messageBytes),
            IdleStateHandler(readTimeout: silence), handler,
        ]
        try channel.pipeline.syncOperations.addHandlers(handlers)
        return ClientSocket(handler, channel.eventLoop)
    }
}

/// Reads the status of a response that is no upgrade.
private final class StatusReader: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private var status: EventLoopPromise<Int>?

    init(_ status: EventLoopPromise<Int>) { self.status = status }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data) else { return }
        status?.succeed(Int(head.status.code))
        status = nil
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        status?.fail(ClientSocket.Closed(reason: "the connection was lost"))
        status = nil
    }
}
