import AsyncHTTPClient
package import Bytes
import NIOCore
import NIOHTTP1

/// A whole answer.
package struct FarmReply: Sendable {
    package let status: Int
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]
    package let took: Duration

    package subscript(_ header: String) -> String? {
        headers.first { $0.name.lowercased() == header.lowercased() }?.value
    }

    package var text: String { String(decoding: body, as: UTF8.self) }
    package var json: JSON { (try? JSON(parsing: body, limits: JSONLimits(depth: 64, keys: 100_000))) ?? .null }
    /// What HatchFarm's envelope holds.
    package var data: JSON { json["data"] ?? .null }

    /// Itself, if the status is one of these.
    package func expecting(_ statuses: Int...) throws -> FarmReply {
        guard statuses.contains(status) else {
            throw ToolFailure(description: "\(statuses) expected, not \(status): \(text)")
        }
        return self
    }
}

/// A caller of one server with credentials. What it throws leaves unknown whether the call did anything.
package struct FarmClient: Sendable {
    /// Without a slash at its end.
    package var url: String
    package var headers: [(name: String, value: String)]

    package init(_ url: String, _ headers: [(name: String, value: String)] = []) {
        self.url = url
        self.headers = headers
    }

    package func send(
        _ method: String, _ path: String, bytes: [UInt8]?, _ more: [(name: String, value: String)] = [],
        timeout: Duration = .seconds(30)
    ) async throws -> FarmReply {
        var request = HTTPClientRequest(url: url + path)
        request.method = HTTPMethod(rawValue: method)
        request.headers = HTTPHeaders((headers + more).map { ($0.name, $0.value) })
        if let bytes { request.body = .bytes(ByteBuffer(bytes: bytes)) }
        let start = ContinuousClock.now
        let response = try await Self.http.execute(request, timeout: TimeAmount(timeout))
        let body = try await response.body.collect(upTo: 256 << 20)
        return FarmReply(
            status: Int(response.status.code), headers: response.headers.map { ($0.name, $0.value) },
            body: Array(body.readableBytesView), took: ContinuousClock.now - start)
    }

    package func get(_ path: String, timeout: Duration = .seconds(30)) async throws -> FarmReply {
        try await send("GET", path, bytes: nil, timeout: timeout)
    }

    package func delete(_ path: String) async throws -> FarmReply { try await send("DELETE", path, bytes: nil) }

    package func post(
        _ path: String, _ body: JSON, _ more: [(name: String, value: String)] = [], timeout: Duration = .seconds(30)
    ) async throws -> FarmReply {
        let type = (name: "Content-Type", value: "application/json")
        return try await send("POST", path, bytes: body.bytes(.compact), [type] + more, timeout: timeout)
    }

    package func patch(_ path: String, _ body: JSON) async throws -> FarmReply {
        try await send("PATCH", path, bytes: body.bytes(.compact), [("Content-Type", "application/json")])
    }

    /// One pool for the test process; as many connections as there are calls at once.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 512
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()
}
