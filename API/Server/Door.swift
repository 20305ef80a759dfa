internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTPTypes

/// A connection from its first byte to its last: HTTP/1.1 with our limits, each on its own event loop.
struct Door: ServerChildChannel {
    struct Value: ServerChildChannelValue {
        let http: HTTP1Channel.Value
        let connection: Connection
        var channel: any Channel { http.channel }
    }

    let front: Front
    let counts: ConnectionCounts
    let configuration: AppConfiguration

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        let connection = Connection(channel.remoteAddress)
        let limits = HTTP1Channel.Configuration.DecoderConfiguration(
            maxHeaderFieldSize: configuration.headerLimit, maxHeaderListSize: configuration.headerLimit,
            maxHeaderFieldCount: 100)
        let patience = TimeAmount.seconds(configuration.bodyTimeoutSeconds)
        let http = HTTP1Channel(
            responder: { _, _, _ in },
            configuration: .init(
                additionalChannelHandlers: [ConnectionGuard(connection, counts, patience: patience)],
                idleTimeout: .seconds(configuration.idleTimeoutSeconds), httpDecoderConfiguration: limits))
        return http.setup(channel: channel, logger: logger).map { Value(http: $0, connection: connection) }
    }

    func handle(value: Value, logger: Logger) async {
        let http = HTTP1Channel(
            responder: { [front] request, writer, _ in
                try await front.respond(to: request, on: value.connection, writer)
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
