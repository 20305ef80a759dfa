internal import Bytes
internal import HTTPTypes

extension Route {
    /// A WebSocket: a GET that is answered by an upgrade, on any request of a connection.
    ///
    /// The caller is admitted first, then the handshake is checked: what is wrong with either is an ordinary refusal
    /// in the system's words (426 for a GET that asks for no WebSocket). Then `handler` runs for as long as the socket
    /// is open. When it returns, the socket is closed with 1000; when it throws, with 1008 (a 4xx), 1013 (a 503) or
    /// 1011, and the refusal's message as the reason.
    ///
    /// - Parameters:
    ///   - subprotocol: the one to answer of those that the client offers; nil for none.
    package static func socket<Context: CallContext>(
        _ path: String, _ id: String, _ summary: String, query: [Parameter] = [], headers: [Parameter] = [],
        limits: SocketLimits = .standard, metering: Metering? = nil,
        subprotocol: @escaping @Sendable ([String]) -> String? = { _ in nil },
        _ handler: @escaping @Sendable (Call, Context, WebSocket) async throws -> Void
    ) -> Route {
        Route(
            .get, path, id, summary, query: query, headers: headers,
            answers: [Answer(.switchingProtocols, nil, "The WebSocket is open.")], metering: metering
        ) { (call: Call, context: Context) in
            let handshake = try SocketHandshake(call)
            if call.isDraining { throw Problem.unavailable("the server is shutting down", code: "shutting_down") }
            return Reply.upgrade(
                to: SocketUpgrade(key: handshake.key, limits: limits) { try await handler(call, context, $0) },
                subprotocol: subprotocol(handshake.protocols).flatMap { handshake.protocols.contains($0) ? $0 : nil })
        }
    }
}

/// What a request is upgraded to.
package struct SocketUpgrade: Sendable {
    let key: String
    let limits: SocketLimits
    let run: @Sendable (WebSocket) async throws -> Void
}

extension Reply {
    fileprivate static func upgrade(to upgrade: SocketUpgrade, subprotocol: String?) -> Reply {
        let reply = Reply(.switchingProtocols, type: nil, .socket(upgrade))
            .with(.upgrade, "websocket").with(.connection, "Upgrade")
        return subprotocol.map { reply.with(.secWebSocketProtocol, $0) } ?? reply
    }
}
