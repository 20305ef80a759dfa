internal import AsyncHTTPClient
internal import Bytes
internal import NIOCore
internal import NIOHTTP1

/// Sends requests to one server, and buffers the answers. For one worker or one enrollment; call `close()`.
final class ServerConnection: Sendable {
    private let http: HTTPClient
    private let base: String

    /// `server` is a URL such as `https://api.hatchfarm.ai`, with or without a trailing slash.
    init(server: String) {
        var base = server[...]
        while base.hasSuffix("/") { base = base.dropLast() }
        self.base = "\(base)/api/v1"
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(5)))
        configuration.httpVersion = .http1Only
        // Heartbeats must not queue behind uploads.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        configuration.connectionPool.retryConnectionEstablishment = false
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func close() async {
        try? await http.shutdown()
    }

    struct Answer: Sendable {
        let status: Int
        let headers: HTTPHeaders
        let body: [UInt8]
    }

    /// - Parameters:
    ///   - path: below `/api/v1`, percent-encoded.
    ///   - limit: for the answer's body, in bytes.
    /// - Throws: `unreachable` when there is no complete answer in time.
    func send(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders, body: [UInt8]? = nil,
        timeoutMilliseconds: Int64, limit: Int
    ) async throws(ServerError) -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        request.headers = headers
        if let trace = TraceContext.current { request.headers.add(name: "traceparent", value: trace.traceparent) }
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let deadline = NIODeadline.now() + .milliseconds(timeoutMilliseconds)
            let response = try await http.execute(request, deadline: deadline)
            let bytes = try await response.body.collect(upTo: limit)
            return Answer(
                status: Int(response.status.code), headers: response.headers, body: Array(bytes.readableBytesView))
        } catch {
            throw .unreachable("\(error)")
        }
    }

    /// Percent-encodes everything but letters, digits, `-`, `.`, `_` and `~`.
    static func encoded(_ text: String, keepingSlashes: Bool = false) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: "/") where keepingSlashes:
                encoded += "/"
            default:
                encoded += "%" + Hex.encode([byte]).uppercased()
            }
        }
        return encoded
    }
}

extension ServerConnection.Answer {
    /// The `data` of a success.
    func data() throws(ServerError) -> JSON {
        guard (200..<300).contains(status) else { throw failure }
        guard let json = try? JSON(parsing: body) else { throw .unreachable("invalid answer of the server: not JSON") }
        return json["data"] ?? .null
    }

    /// What an answer other than a success means.
    var failure: ServerError {
        let said = (try? JSON(parsing: body))?["error"]
        let message = said?.string ?? said?["message"]?.string ?? "the server answered \(status)"
        return switch status {
        case 401: .unauthorized(message)
        case 429, 503: .overloaded(retryAfterMilliseconds: retryAfter)
        case 408, 500...: .unreachable(message)
        default: .refused(status: status, message: message)
        }
    }

    private var retryAfter: Int64? {
        guard let seconds = headers.first(name: "Retry-After").flatMap(Int64.init), seconds >= 0 else { return nil }
        return min(seconds, 3_600) * 1_000
    }
}
