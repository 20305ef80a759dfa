internal import Bytes
internal import Glibc
internal import HTTPTypes
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// A connection from its first byte to its last: HTTP/1.1 with our limits, each on its own event loop.
struct HTTPConnection: ServerChildChannel {
    let dispatcher: RequestDispatcher
    let configuration: AppConfiguration

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<ClientConnection> {
        channel.eventLoop.makeCompletedFuture {
            try Self.watch(channel)
            var limits = NIOHTTPDecoderLimitConfiguration()
            limits.maxHeaderFieldSize = configuration.headerLimit
            limits.maxHeaderListSize = configuration.headerLimit
            limits.maxHeaderFieldCount = 100
            let connection = ClientConnection(channel, dispatcher.connections, configuration)
            try channel.pipeline.syncOperations.addHandlers(
                ArrivalHandler(connection), ByteToMessageHandler(HTTPRequestDecoder(limitConfiguration: limits)),
                connection)
            return connection
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

    func handle(value connection: ClientConnection, logger: Logger) async {
        // Handlers run where the connection's bytes arrive: no hop to another thread and back for each request.
        await withTaskExecutorPreference(LoopExecutor(connection.channel.eventLoop)) {
            await withTaskCancellationHandler {
                await serve(connection)
            } onCancel: {
                connection.cancel()
            }
        }
    }

    /// There is no request to answer in some system's words, so these are HatchFarm's.
    private func refuse(_ status: String, _ code: String, _ message: String, _ connection: ClientConnection) async {
        let members: [JSON.Member] = [
            .init("success", false), .init("error", .string(message)), .init("code", .string(code)),
        ]
        let body = JSON.object(members).text(.compact)
        let head = [
            "HTTP/1.1 \(status)", "Connection: close", "Content-Type: application/json",
            "Content-Length: \(body.utf8.count)", "X-Request-ID: \(dispatcher.nameRefusal(code))",
        ]
        try? await connection.write(ByteBuffer(string: (head + ["", body]).joined(separator: "\r\n")))
        connection.finish()
    }

    private func serve(_ connection: ClientConnection) async {
        defer { connection.leaveSeat() }
        do {
            while let head = try await connection.nextRequest() {
                if let socket = try await dispatcher.respond(to: head, on: connection) {
                    await dispatcher.serve(socket)
                    return connection.closeWritten()
                }
                if head.headerFields.contains(where: { $0.name == .connection && $0.value == "close" }) { break }
            }
            connection.finish()
        } catch is HTTPParserError {
            await refuse(
                "400 Bad Request", "malformed_request",
                "this is no HTTP request that can be read: its line and header fields must be ASCII, with at most "
                    + "100 fields in \(configuration.headerLimit) bytes", connection)
        } catch let slow as HeadTooSlow {
            dispatcher.connections.note(.slowHead)
            await refuse(
                "408 Request Timeout", "slow_request",
                "the header fields must be complete within \(slow.timeout.nanoseconds / 1_000_000) ms", connection)
        } catch {
            // The client is gone, or has had its last answer.
            connection.closeWritten()
        }
        // Never fails.
        try? await connection.channel.closeFuture.get()
    }
}

/// A client took too long for the head of a request.
struct HeadTooSlow: Error {
    let timeout: TimeAmount
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
