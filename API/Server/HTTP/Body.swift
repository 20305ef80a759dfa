package import Bytes
internal import HTTPTypes
package import NIOCore
internal import Store
internal import Synchronization

/// A request's body, whole.
package struct Body: Sendable {
    let buffer: ByteBuffer
    /// Of a large one, when it was asked for before.
    var digest: String?

    package var isEmpty: Bool { buffer.readableBytes == 0 }
    package var bytes: [UInt8] { Array(buffer.readableBytesView) }
    /// Lower-case hex; what an idempotency key is bound to.
    package var sha256: String { digest ?? SHA256.hex(buffer.readableBytesView) }

    /// Strict JSON.
    package func json() throws(JSONError) -> JSON {
        try buffer.withUnsafeReadableBytes { bytes throws(JSONError) in try JSON(parsing: bytes) }
    }

    /// The fields of a strict JSON object. Throws `JSONError` or `FieldError`.
    package func fields() throws -> Fields { try Fields(json()) }
}

extension Call {
    /// The body, for JSON; asked for by the context and by the handler, it is read once. Throws 413 over the limit, 415
    /// for a type or coding that isn't ours.
    package func body() async throws -> Body {
        if let known = whole.value { return known }
        var body = try await readBody()
        if header(.idempotencyKey) != nil, body.buffer.readableBytes > Self.quicklyHashed {
            let buffer = body.buffer
            body.digest = try await WorkPool.shared.run { SHA256.hex(buffer.readableBytesView) }
        }
        whole.set(body)
        return body
    }

    /// More bytes than that are hashed away from the event loop.
    private static let quicklyHashed = 64 << 10

    private func readBody() async throws -> Body {
        if let type = header(.contentType), !Self.isJSON(type) {
            throw Problem.unsupportedMedia("the body must be application/json")
        }
        let limit = dependencies.configuration.bodyLimit
        guard header(.contentEncoding) == nil else {
            return Body(buffer: ByteBuffer(bytes: try await content(upTo: limit)))
        }
        var whole = ByteBuffer()
        try await receive(upTo: limit) { piece in
            if whole.readableBytes == 0 { whole = piece } else { whole.writeImmutableBuffer(piece) }
        }
        return Body(buffer: whole)
    }

    /// The body, for bytes of any type, unpacked when it came as zstd. Ask once.
    ///
    /// Throws 413 over `limit` packed or unpacked and for what is packed too tightly, 415 for another coding, 400 for a
    /// damaged one.
    package func content(upTo limit: Int) async throws -> [UInt8] {
        let isPacked = try isPacked
        let bytes = try await bytes(upTo: limit)
        guard isPacked else { return bytes }
        let whole: [UInt8]
        do {
            whole = try await WorkPool.shared.run { try Zstd.decompress(bytes, limit: limit) }
        } catch let error as ZstdError {
            throw Problem.undecodable(error, limit: limit)
        }
        // It is kept until the call is answered, however little came.
        if whole.count > BodyBudget.free { try await share(whole.count - BodyBudget.free) }
        return whole
    }

    /// Whether the body comes as zstd; 415 for a coding that isn't ours.
    package var isPacked: Bool {
        get throws(Problem) {
            switch header(.contentEncoding)?.lowercased() {
            case nil, "identity": false
            case "zstd": true
            default: throw .unsupportedMedia("Content-Encoding must be zstd or absent")
            }
        }
    }

    /// The body as it was sent, whatever its type and coding. Ask once. Throws 413 over `limit`.
    package func bytes(upTo limit: Int) async throws -> [UInt8] {
        var whole: [UInt8] = []
        try await receive(upTo: limit) { whole.append(contentsOf: $0.readableBytesView) }
        return whole
    }

    /// Bytes, by the head; nil when it doesn't say.
    package var declaredLength: Int? { header(.contentLength).flatMap { Int($0) } }

    /// How much of a body that nobody wants is read, so that its sender gets to see the answer.
    private static let patience = 4 << 20

    /// Piece by piece as it arrives and as it was sent. Ask once. Throws 413 over `limit`, 429 or 503 when too many
    /// bytes of bodies are under way, and what `use` throws.
    /// - Parameter isKept: whether what has arrived stays in memory until the call is answered.
    package func receive(
        upTo limit: Int, isKept: Bool = true, _ use: (ByteBuffer) async throws -> Void
    ) async throws {
        let declared = declaredLength
        if declared ?? 1 == 0 { return }
        isBodyTaken.store(true, ordering: .relaxed)
        var received = 0
        if !isKept, declared ?? .max > BodyBudget.free { try await share(BodyBudget.ofStream) }
        while let piece = try await nextPiece() {
            received += piece.readableBytes
            guard received <= limit, declared ?? 0 <= limit else {
                try await discard()
                throw Problem.tooLarge(limit: limit)
            }
            if isKept, received > BodyBudget.free { try await share(received - BodyBudget.free) }
            try await use(piece)
        }
        guard received == declared ?? received else { throw BodyLost() }
    }

    /// Counts bytes that are in memory for the body, all together. What can't be is let go of, and so is the rest.
    /// Throws 429 or 503 when too many bytes of bodies are under way.
    func share(_ bytes: Int) async throws {
        do {
            try takeShare(upTo: bytes)
        } catch {
            giveShare()
            try await discard()
            throw error
        }
    }

    /// Reads what a handler left, so that the connection can be used again. Of a large body only a part: then the
    /// connection ends with the reply.
    func leaveBodyBehind() async throws {
        guard !isBodyTaken.load(ordering: .relaxed), header(.contentLength) != "0",
            header(.contentLength) != nil || header(.transferEncoding) != nil
        else { return }
        try await discard()
    }

    private func discard() async throws {
        var dropped = 0
        while let piece = try await nextPiece() {
            dropped += piece.readableBytes
            if dropped > Self.patience { return connection.spend() }
        }
    }

    private func nextPiece() async throws -> ByteBuffer? {
        do {
            return try await connection.nextPiece()
        } catch {
            throw BodyLost()
        }
    }

    private static func isJSON(_ type: String) -> Bool {
        let media = type.prefix { $0 != ";" }.lowercased()
        // `curl -d` names the form type unless told otherwise; what it sends is JSON, or is refused as malformed.
        return media.hasPrefix("application/json") || media.hasPrefix("application/x-www-form-urlencoded")
            || media.hasPrefix("text/") || media.contains("+json")
    }
}

/// The body broke off or was no HTTP.
struct BodyLost: Error {}
