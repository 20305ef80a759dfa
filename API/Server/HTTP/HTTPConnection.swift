internal import Glibc
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes

/// A connection from its first byte to its last: HTTP/1.1 with our limits, each on its own event loop.
struct HTTPConnection: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let http: HTTP1Channel.Value
        let connection: ClientConnection
        var channel: any Channel { http.channel }
    }

    let dispatcher: RequestDispatcher
    let counts: ConnectionCounts
    let configuration: AppConfiguration

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let connection = ClientConnection(channel.remoteAddress)
        let limits = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: configuration.headerLimit, maxHeaderListSize: configuration.headerLimit,
            maxHeaderFieldCount: 100)
        let patience = TimeAmount.seconds(configuration.bodyTimeoutSeconds)
        let http = HTTP1Channel(
            responder: { _, _, _ in },
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(connection, counts, patience: patience)],
                idleTimeout: .seconds(configuration.idleTimeoutSeconds), httpDecoderConfiguration: limits))
        return channel.eventLoop.makeCompletedFuture { try Self.watch(channel) }.flatMap {
            http.setup(channel: channel, logger: logger).map { Value(http: $0, connection: connection) }
        }
    }

    /// A client that vanished without a word, or doesn't take what it is sent, is noticed within 30 s.
    private static func watch(_ channel: any Channel) throws {
        guard let options = channel.syncOptions, channel.remoteAddress?.ipAddress != nil else { return }
        try options.setOption(.socketOption(.so_keepalive), value: 1)
        for (name, value) in [(TCP_KEEPIDLE, 15), (TCP_KEEPINTVL, 5), (TCP_KEEPCNT, 3), (TCP_USER_TIMEOUT, 30_000)] {
            try options.setOption(.tcpOption(.init(rawValue: name)), value: .init(value))
        }
    }

    func handle(value: Value, logger: Logger) async {
        let http = HTTP1Channel(
            responder: { [dispatcher] request, writer, channel in
                let socket = try await dispatcher.respond(to: request, on: value.connection, channel, writer)
                guard let socket else { return }
                await dispatcher.serve(socket)
                throw ConnectionSpent()
            })
        // Handlers run where the connection's bytes arrive: no hop to another thread and back for each request.
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await http.handle(value: value.http, logger: logger)
        }
    }
}

/// Runs tasks on an event loop.
private final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
