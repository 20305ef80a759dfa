package import Bytes
internal import HTTPTypes
internal import NIOCore
internal import Synchronization

/// A request's body, whole.
package struct Body: Sendable {
    let buffer: ByteBuffer

    package var isEmpty: Bool { buffer.readableBytes == 0 }
    package var bytes: [UInt8] { Array(buffer.readableBytesView) }
    /// Lower-case hex; what an idempotency key is bound to.
    package var sha256: String { SHA256.hex(buffer.readableBytesView) }

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
        let body = try await readBody()
        whole.set(body)
        return body
    }

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
    /// Throws 413 over `limit` packed or unpacked, 415 for another coding, 400 for a damaged one.
    package func content(upTo limit: Int) async throws -> [UInt8] {
        var whole: [UInt8] = []
        try await receiveContent(upTo: limit) { whole.append(contentsOf: $0) }
        return whole
    }

    /// The body as it was sent, whatever its type and coding. Ask once. Throws 413 over `limit`.
    package func bytes(upTo limit: Int) async throws -> [UInt8] {
        var whole: [UInt8] = []
        try await receive(upTo: limit) { whole.append(contentsOf: $0.readableBytesView) }
        return whole
    }

    /// As `content`, piece by piece as it arrives. What `use` throws ends it.
    package func receiveContent(upTo limit: Int, _ use: ([UInt8]) async throws -> Void) async throws {
        let unpacker = try BodyUnpacker(coding: header(.contentEncoding), limit: limit)
        try await receive(upTo: limit) { try await use(unpacker.update(Array($0.readableBytesView))) }
        try unpacker.finish()
    }

    /// Bytes, by the head; nil when it doesn't say.
    var declaredLength: Int? { header(.contentLength).flatMap { Int($0) } }

    /// How much of a body that nobody wants is read, so that its sender gets to see the answer.
    private static let patience = 4 << 20

    private func receive(upTo limit: Int, _ use: (ByteBuffer) async throws -> Void) async throws {
        let declared = declaredLength
        if declared ?? 1 == 0 { return }
        isBodyTaken.store(true, ordering: .relaxed)
        var received = 0
        while let piece = try await nextPiece() {
            received += piece.readableBytes
            guard received <= limit, declared ?? 0 <= limit else {
                try await discard()
                throw Problem.tooLarge(limit: limit)
            }
            try await use(piece)
        }
        guard received == declared ?? received else { throw BodyLost() }
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
