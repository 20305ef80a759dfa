internal import AsyncHTTPClient
internal import Bytes
internal import Glibc
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix

/// An HTTP client for one server with one member's credentials. Error responses are thrown as `Failure`.
struct Client: Sendable {
    let credentials: Credentials

    static let version = "hatchfarm/\(Version.text)"
    /// Fails immediately if the connection is refused: retrying is up to the caller.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    private static let timeout = TimeAmount.seconds(60)

    init(_ credentials: Credentials) {
        self.credentials = credentials
    }

    func get(_ path: String, _ query: [(String, String?)] = []) async throws -> JSON {
        try await json(.GET, path + Self.query(query))
    }

    func post(_ path: String, _ body: JSON = [:], headers: [(String, String)] = []) async throws -> JSON {
        let type = ("Content-Type", "application/json")
        return try await json(.POST, path, body: .bytes(body.bytes(.compact)), headers: [type] + headers)
    }

    func put(_ path: String, _ body: JSON) async throws -> JSON {
        try await json(
            .PUT, path, body: .bytes(body.bytes(.compact)), headers: [("Content-Type", "application/json")])
    }

    func patch(_ path: String, _ body: JSON) async throws -> JSON {
        try await json(
            .PATCH, path, body: .bytes(body.bytes(.compact)), headers: [("Content-Type", "application/json")])
    }

    /// `progress` receives the number of bytes sent so far.
    func upload(
        _ bytes: [UInt8], to path: String, headers: [(String, String)],
        progress: @escaping @Sendable (Int) -> Void = { _ in }
    ) async throws -> JSON {
        let chunks = Chunks(bytes: bytes, progress: progress)
        return try await json(
            .POST, path, body: .stream(chunks, length: .known(Int64(bytes.count))),
            headers: [("Content-Type", "application/octet-stream")] + headers, deadline: .now() + .minutes(30))
    }

    func delete(_ path: String) async throws -> JSON {
        try await json(.DELETE, path)
    }

    /// Delivers the events of a stream until `deliver` returns false or the server ends it. Throws `.unreachable` when
    /// the connection breaks, and after ten minutes, as a dead connection may go unnoticed: call again after the last
    /// event.
    func events(_ path: String, after last: String?, _ deliver: (ServerEvent) -> Bool) async throws {
        let resume = last.map { [("Last-Event-ID", $0)] } ?? []
        let response = try await send(
            .GET, path, headers: [("Accept", "text/event-stream")] + resume, deadline: .now() + .minutes(10))
        var parser = EventParser()
        do {
            for try await buffer in response.body {
                for event in parser.read(buffer.readableBytesView) where !deliver(event) { return }
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Failure.unreachable("lost the connection to \(credentials.server): \(Self.reason(error))")
        }
    }

    private func json(
        _ method: HTTPMethod, _ path: String, body: HTTPClientRequest.Body? = nil, headers: [(String, String)] = [],
        deadline: NIODeadline? = nil
    ) async throws -> JSON {
        let response = try await send(method, path, body: body, headers: headers, deadline: deadline)
        let bytes = try await collect(response, limit: 64 << 20)
        guard !bytes.isEmpty else { return .null }
        guard let json = try? JSON(parsing: bytes, limits: JSONLimits(depth: 64, keys: 100_000)) else {
            throw Failure.unexpected("\(method.rawValue) \(path): the response is not JSON")
        }
        return json
    }

    func send(
        _ method: HTTPMethod, _ path: String, body: HTTPClientRequest.Body? = nil, headers: [(String, String)] = [],
        deadline: NIODeadline? = nil
    ) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: credentials.server + path)
        request.method = method
        request.headers.add(name: "User-Agent", value: Self.version)
        request.headers.add(name: "Authorization", value: "Bearer \(credentials.key)")
        if let owner = credentials.owner { request.headers.add(name: "X-Owner-ID", value: owner) }
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        if let body { request.body = body }
        let response: HTTPClientResponse
        do {
            response = try await Self.http.execute(request, deadline: deadline ?? .now() + Self.timeout)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw Failure.unreachable("cannot reach \(credentials.server): \(Self.reason(error))")
        }
        guard response.status.code >= 400 else { return response }
        let bytes = (try? await collect(response, limit: 1 << 20)) ?? []
        throw Self.failure(response.status, try? JSON(parsing: bytes), method: method, path: path)
    }

    private func collect(_ response: HTTPClientResponse, limit: Int) async throws -> [UInt8] {
        do {
            return Array(try await response.body.collect(upTo: limit).readableBytesView)
        } catch let error as CancellationError {
            throw error
        } catch is NIOTooManyBytesError {
            throw Failure.unexpected("the response is larger than \(Text.size(limit))")
        } catch {
            throw Failure.unreachable("lost the connection to \(credentials.server): \(Self.reason(error))")
        }
    }

    static func reason(_ error: any Error) -> String {
        let isRefused = error is NIOConnectionError || (error as? IOError)?.errnoCode == ECONNREFUSED
        return switch error as? HTTPClientError {
        case .connectTimeout?, .deadlineExceeded?: "timed out"
        case .remoteConnectionClosed?: "connection closed"
        default: isRefused ? "connection refused" : "\(error)"
        }
    }

    /// The error message is in `error` or in `error.message` (CONTRACT 2).
    private static func failure(
        _ status: HTTPResponseStatus, _ json: JSON?, method: HTTPMethod, path: String
    ) -> Failure {
        let error = json?["error"]
        let message = error?.string ?? error?["message"]?.string ?? status.reasonPhrase
        let text = "\(Output.sanitized(message)) (\(status.code))"
        // Too little money is no fault of the request, though it is answered with 400; bee:hack's errors have no code.
        let code = error?["code"]?.string ?? json?["code"]?.string
        let lacksMoney = code == "insufficient_funds" || code == nil && message.hasPrefix("Insufficient points")
        return switch status.code {
        case 400 where lacksMoney: .refused(text)
        case 400, 411, 413, 414, 415, 416, 417, 422, 431: .invalid(text)
        case 401, 402, 403, 405, 409, 412, 426, 428, 429: .refused(text)
        case 404, 410: .notFound(text)
        case 408, 425, 502, 503, 504: .unreachable(text)
        default: .unexpected("\(method.rawValue) \(path): \(text)")
        }
    }

    private static func query(_ items: [(String, String?)]) -> String {
        let pairs = items.compactMap { name, value in value.map { "\(name)=\(escape($0))" } }
        return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
    }

    /// Percent-encodes everything but the unreserved characters of RFC 3986, and optionally slashes.
    static func escape(_ text: String, keepingSlashes: Bool = false) -> String {
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                escaped.append(byte)
            case UInt8(ascii: "/") where keepingSlashes: escaped.append(byte)
            default: escaped += Array("%\(Hex.encode([byte]).uppercased())".utf8)
            }
        }
        return String(decoding: escaped, as: UTF8.self)
    }
}
