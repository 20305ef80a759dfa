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
            // There is no request to answer in some system's words.
            let refusal = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n"
            try? await connection.write(ByteBuffer(string: refusal + dispatcher.nameRefusal("malformed")))
            connection.finish()
        } catch let slow as HeadTooSlow {
            dispatcher.connections.note(.slowHead)
            try? await connection.write(ByteBuffer(string: slow.refusal(dispatcher.nameRefusal("slow"))))
            connection.finish()
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

    /// - Parameter end: of the head, with the name of the refusal.
    func refusal(_ end: String) -> String {
        let text = "the header fields must be complete within \(timeout.nanoseconds / 1_000_000) ms\n"
        return "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: text/plain\r\n"
            + "Content-Length: \(text.utf8.count)\r\n\(end)\(text)"
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
