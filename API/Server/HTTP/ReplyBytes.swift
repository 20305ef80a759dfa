internal import HTTPTypes
package import NIOCore
internal import NIOHTTP1

/// Answers as bytes.
extension RequestDispatcher {
    /// Sends an answer. Throws when the client is gone, or what a stream's writer throws.
    func send(_ reply: Reply, for exchange: Exchange, on connection: ClientConnection) async throws {
        var bytes = head(of: reply, for: exchange)
        switch reply.content {
        case .whole(var body) where !exchange.isHead:
            // A small body goes out in one piece with its head.
            let isSmall = body.readableBytes <= 16_384
            if isSmall { bytes.writeBuffer(&body) }
            try await connection.write(bytes, isSmall ? nil : body, isEnd: true)
        case .stream(let length, let write) where !exchange.isHead:
            try await connection.write(bytes)
            let writer = BodyWriter(connection: connection, isChunked: length == nil)
            try await write(writer)
            try await writer.finish()
        case .none, .whole, .stream, .socket: try await connection.write(bytes, isEnd: true)
        }
    }

    func head(of reply: Reply, for exchange: Exchange) -> ByteBuffer {
        var head = ByteBuffer()
        var capacity = 640
        if case .whole(let body) = reply.content { capacity += min(body.readableBytes, 16_384) }
        head.reserveCapacity(capacity)
        let status = HTTPResponseStatus(statusCode: reply.status.code, reasonPhrase: reply.status.reasonPhrase)
        head.writeString("HTTP/1.1 \(status.code) \(status.reasonPhrase)\r\n")
        if let type = reply.type { head.writeField("Content-Type", type) }
        switch reply.content {
        case .none:
            if reply.status != .noContent, reply.status != .notModified { head.writeField("Content-Length", "0") }
        case .whole(let body): head.writeField("Content-Length", String(body.readableBytes))
        case .stream(let length?, _): head.writeField("Content-Length", String(length))
        case .stream(nil, _): head.writeField("Transfer-Encoding", "chunked")
        case .socket: break
        }
        head.writeField("X-Request-ID", exchange.id)
        head.writeField("Date", date.text)
        if reply.headers.contains(where: { $0.name == .contentSecurityPolicy || $0.name == .cacheControl }) {
            for field in Self.constantFields where !reply.has(field.name) { head.writeField(field) }
        } else {
            head.writeBytes(Self.constantBytes)
        }
        for field in reply.headers { head.writeField(field) }
        if let origin = exchange.origin(in: dependencies.configuration) {
            head.writeField("Access-Control-Allow-Origin", origin)
            head.writeField(
                "Access-Control-Expose-Headers",
                "ETag, Location, X-Request-ID, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
                    + "X-RateLimit-Reset")
            head.writeField("Vary", "Origin")
        }
        head.writeStaticString("\r\n")
        return head
    }

    private static let constantFields: [HTTPField] = [
        HTTPField(name: .xContentTypeOptions, value: "nosniff"),
        HTTPField(name: .frameOptions, value: "DENY"),
        HTTPField(name: .referrerPolicy, value: "no-referrer"),
        HTTPField(name: .contentSecurityPolicy, value: "default-src 'none'; frame-ancestors 'none'"),
        HTTPField(name: .cacheControl, value: "no-store"),
    ]

    private static let constantBytes: [UInt8] = constantFields.reduce(into: []) { bytes, field in
        bytes += "\(field.name.rawName): \(field.value)\r\n".utf8
    }

    /// A browser may use the methods of the path, and the fields we know.
    func preflight(_ exchange: Exchange) -> Reply {
        Reply.empty(.noContent)
            .with(.accessControlAllowMethods, exchange.allowed)
            .with(
                .accessControlAllowHeaders,
                "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Owner-ID, X-Request-ID, "
                    + "traceparent"
            )
            .with(.accessControlMaxAge, "600")
    }
}

extension ByteBuffer {
    fileprivate mutating func writeField(_ field: HTTPField) { writeField(field.name.rawName, field.value) }

    /// The value may not hold line breaks: that of an `HTTPField` never does.
    fileprivate mutating func writeField(_ name: String, _ value: String) {
        writeString(name)
        writeStaticString(": ")
        writeString(value)
        writeStaticString("\r\n")
    }
}

/// Where the body of a streamed answer is written.
package struct BodyWriter: Sendable {
    let connection: ClientConnection
    let isChunked: Bool

    /// Waits while the client takes nothing. Throws when it is gone.
    package func write(_ bytes: ByteBuffer) async throws {
        // An empty chunk would be the end.
        guard bytes.readableBytes > 0 else { return }
        guard isChunked else { return try await connection.write(bytes) }
        var chunk = ByteBuffer(string: String(bytes.readableBytes, radix: 16) + "\r\n")
        chunk.writeImmutableBuffer(bytes)
        chunk.writeStaticString("\r\n")
        try await connection.write(chunk)
    }

    func finish() async throws {
        try await connection.write(isChunked ? ByteBuffer(string: "0\r\n\r\n") : ByteBuffer(), isEnd: true)
    }
}
