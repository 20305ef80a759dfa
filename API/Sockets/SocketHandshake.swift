internal import Bytes
internal import HTTPTypes
internal import NIOCore
internal import NIOHTTP1
internal import NIOWebSocket

/// The client's half of the opening handshake (RFC 6455, 4.2.1).
struct SocketHandshake {
    let key: String
    /// In the client's order.
    let protocols: [String]

    /// Throws 426 when no WebSocket of our version is asked for, 400 when it is asked for wrongly, and 403 to a page
    /// whose origin isn't allowed.
    init(_ call: Call) throws(Problem) {
        let head = call.head
        guard head.method == .get, call.list(.upgrade).contains(where: { $0.lowercased() == "websocket" }) else {
            throw Self.upgradeRequired("this is a WebSocket")
        }
        guard call.list(.connection).contains(where: { $0.lowercased() == "upgrade" }) else {
            throw Self.malformed("Connection must name Upgrade")
        }
        guard call.list(.secWebSocketVersion) == ["13"] else {
            throw Self.upgradeRequired("the version of WebSocket must be 13")
        }
        let keys = call.list(.secWebSocketKey)
        guard keys.count == 1, Base64.decode(keys[0])?.count == 16 else {
            throw Self.malformed("Sec-WebSocket-Key must be 16 bytes in base64")
        }
        guard let authority = head.authority, !authority.isEmpty else { throw Self.malformed("Host is missing") }
        guard call.declaredLength ?? 0 == 0, call.header(.transferEncoding) == nil else {
            throw Self.malformed("a WebSocket is opened without a body")
        }
        guard Self.mayCall(call.header(.origin), authority, call.dependencies.configuration) else {
            throw .forbidden("pages of this origin may not open a WebSocket here", code: "forbidden_origin")
        }
        key = keys[0]
        protocols = call.offeredProtocols
    }

    /// `Sec-WebSocket-Accept` for a key.
    static func accept(_ key: String, _ channel: any Channel) async throws -> String {
        let request = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/",
            headers: ["Sec-WebSocket-Key": key, "Sec-WebSocket-Version": "13"])
        let headers = try await answerer.buildUpgradeResponse(
            channel: channel, upgradeRequest: request, initialResponseHeaders: [:]
        ).get()
        return headers.first(name: "Sec-WebSocket-Accept") ?? ""
    }

    private static let answerer = NIOWebSocketServerUpgrader(
        shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture([:]) },
        upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })

    /// Only browsers name an origin: their pages open sockets to whatever host they like.
    private static func mayCall(_ origin: String?, _ authority: String, _ configuration: AppConfiguration) -> Bool {
        guard let origin else { return true }
        return configuration.allowedOrigins.contains(origin) || origin == configuration.publicURL
            || ["http://\(authority)", "https://\(authority)"].contains(origin)
    }

    private static func upgradeRequired(_ message: String) -> Problem {
        Problem(
            .upgradeRequired, "upgrade_required", message,
            headers: [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketVersion: "13"])
    }

    private static func malformed(_ message: String) -> Problem { Problem(.badRequest, "bad_handshake", message) }
}

extension Call {
    /// The subprotocols that the client of a WebSocket offers, in its order. Browsers, which can send no other field,
    /// hide credentials there.
    package var offeredProtocols: [String] { list(.secWebSocketProtocol) }

    /// The elements of a field that holds a list, of all its lines.
    fileprivate func list(_ name: HTTPField.Name) -> [String] {
        head.headerFields.filter { $0.name == name }.flatMap { field in
            field.value.split(separator: ",").map { $0.trimming { $0 == " " || $0 == "\t" } }
        }.filter { !$0.isEmpty }
    }
}

extension Substring {
    fileprivate func trimming(_ isSpace: (Character) -> Bool) -> String {
        var text = drop(while: isSpace)
        while let last = text.last, isSpace(last) { text.removeLast() }
        return String(text)
    }
}
