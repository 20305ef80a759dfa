internal import AsyncHTTPClient
internal import Bytes
internal import NIOCore
internal import NIOHTTP1
internal import Runtime

/// A device's calls over HTTP (CONTRACT 6). Signs in by itself when its session token has ended.
actor DeviceGateway {
    /// One pool for the process.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)))
        configuration.httpVersion = .http1Only
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// For a call that doesn't wait for commands.
    private static let timeout: Int64 = 15_000
    private static let replyBytes = 4 << 20

    let identity: DeviceIdentity
    private let world: World
    private var token: String?

    init(_ identity: DeviceIdentity, world: World = .live) {
        self.identity = identity
        self.world = world
    }

    /// Gets a new session token.
    /// - Throws: `unauthorized` when the secret is wrong, `refused` with 403 when the device is suspended.
    func signIn() async throws(ServerError) {
        token = nil
        let body: JSON = ["deviceId": .string(identity.id), "deviceSecret": .string(identity.secret)]
        let reply = try await send("/api/v1/device/auth", body, token: nil)
        guard let token = reply["token"]?.string else {
            throw .unreachable("invalid answer of the server: it has no token")
        }
        self.token = token
    }

    func heartbeat(_ body: JSON) async throws(ServerError) -> JSON {
        try await call("heartbeat", body)
    }

    /// Waits for commands up to so many milliseconds.
    func claim(limit: Int, waitMilliseconds: Int64, lease: Int64) async throws(ServerError) -> [ReceivedCommand] {
        let body: JSON = [
            "limit": JSON(limit), "visibilityTimeout": JSON(lease), "waitMs": JSON(waitMilliseconds),
            "requestId": .string(Hex.encode(world.random(16))),
        ]
        let reply = try await call("commands/claim", body, timeout: waitMilliseconds + Self.timeout)
        guard let commands = reply["commands"]?.array else {
            throw .unreachable("invalid answer of the server: it has no commands")
        }
        return commands.compactMap { ReceivedCommand($0) }
    }

    func extend(_ id: String, claimToken: String, by milliseconds: Int64) async throws(ServerError) {
        let body: JSON = ["claimToken": .string(claimToken), "extensionMs": JSON(milliseconds)]
        _ = try await call("commands/\(Client.escape(id))/extend", body)
    }

    /// - Parameter result: with its claim token.
    func report(_ id: String, _ result: JSON) async throws(ServerError) {
        _ = try await call("commands/\(Client.escape(id))/result", result)
    }

    /// With the session token; once more with a new one, if it has ended.
    private func call(
        _ path: String, _ body: JSON, timeout: Int64 = DeviceGateway.timeout
    ) async throws(ServerError) -> JSON {
        let path = "/api/v1/device/\(path)"
        if let token {
            do throws(ServerError) {
                return try await send(path, body, token: token, timeout: timeout)
            } catch {
                guard case .unauthorized = error else { throw error }
            }
        }
        try await signIn()
        return try await send(path, body, token: token, timeout: timeout)
    }

    private func send(
        _ path: String, _ body: JSON, token: String?, timeout: Int64 = DeviceGateway.timeout
    ) async throws(ServerError) -> JSON {
        var request = HTTPClientRequest(url: identity.server + path)
        request.method = .POST
        request.headers.add(name: "User-Agent", value: Client.version)
        request.headers.add(name: "Content-Type", value: "application/json")
        if let token { request.headers.add(name: "X-Device-Token", value: token) }
        request.body = .bytes(ByteBuffer(bytes: body.bytes(.compact)))
        let status: Int
        let retryAfter: Int64?
        let bytes: [UInt8]
        do {
            (status, retryAfter, bytes) = try await within(milliseconds: timeout, .live) { [request] in
                let response = try await Self.http.execute(request, deadline: .now() + .milliseconds(timeout))
                let wait = response.headers.first(name: "Retry-After").flatMap { Int64($0) }
                let body = try await response.body.collect(upTo: Self.replyBytes)
                return (Int(response.status.code), wait, Array(body.readableBytesView))
            }
        } catch {
            throw .unreachable("cannot reach \(identity.server): \(Client.reason(error))")
        }
        let json = try? JSON(parsing: bytes, limits: JSONLimits(depth: 64, keys: 100_000))
        if (200..<300).contains(status) {
            guard let json else { throw .unreachable("invalid answer of the server: not JSON") }
            return json
        }
        throw Self.error(status, json, retryAfter: retryAfter)
    }

    private static func error(_ status: Int, _ json: JSON?, retryAfter: Int64?) -> ServerError {
        let message = json?["error"]?["message"]?.string ?? "the server answered \(status)"
        return switch status {
        case 401: .unauthorized(message)
        case 429, 503: .overloaded(retryAfterMilliseconds: retryAfter.map { min(max($0, 0), 3_600) * 1_000 })
        case 408, 500...: .unreachable(message)
        default: .refused(status: status, message: message)
        }
    }
}
