internal import HTTPTypes
internal import NIOCore
internal import NIOWebSocket

/// A socket whose upgrade is answered.
struct OpenSocket {
    let socket: WebSocket
    let upgrade: SocketUpgrade
    let exchange: Exchange
    let channel: any Channel
}

extension RequestDispatcher {
    /// Answers the upgrade. Throws when the client is gone.
    ///
    /// The channel doesn't read from the end of such a request on (see `ClientConnection`), so that the first frame
    /// meets the socket's handlers. Frames that a client sends before it has our answer, against the standard, may be
    /// lost.
    func open(
        _ upgrade: SocketUpgrade, _ reply: Reply, for exchange: Exchange, on connection: ClientConnection
    ) async throws -> OpenSocket {
        let channel = connection.channel
        let reply = reply.with(.secWebSocketAccept, try await SocketHandshake.accept(upgrade.key, channel))
        let (bus, world) = (dependencies.bus, dependencies.world)
        let (socket, handler) = try await channel.eventLoop.submit { [sockets] in
            let handler = SocketHandler(upgrade.limits, meter: sockets, world: world)
            try channel.pipeline.syncOperations.addHandlers(
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: upgrade.limits.frameBytes)), handler,
                position: .first)
            return (
                WebSocket(handler, channel.eventLoop, bus: bus), NIOLoopBound(handler, eventLoop: channel.eventLoop)
            )
        }.get()
        try await connection.write(head(of: reply, for: exchange))
        try await channel.eventLoop.submit { try handler.value.open() }.get()
        // The channel may have been told before its handler was there.
        if dependencies.drain.isDraining { socket.close(.goingAway, "shutting down") }
        return OpenSocket(socket: socket, upgrade: upgrade, exchange: exchange, channel: channel)
    }

    /// Runs the socket's handler, and returns when the connection has ended.
    func serve(_ open: OpenSocket) async {
        do {
            try await open.upgrade.run(open.socket)
            open.socket.close(Task.isCancelled ? .goingAway : .normal)
        } catch is SocketClosed {
            open.socket.close(.normal)
        } catch is CancellationError {
            open.socket.close(.goingAway, "shutting down")
        } catch {
            let problem = problem(error, open.exchange)
            open.socket.close(Self.closeCode(problem.status), problem.message)
        }
        // Never fails; and the closing handshake has its deadline.
        try? await open.channel.closeFuture.get()
    }

    private static func closeCode(_ status: HTTPResponse.Status) -> SocketCloseCode {
        switch status.code {
        case 400..<500: .policyViolation
        case 503: .tryAgainLater
        default: .internalError
        }
    }
}
