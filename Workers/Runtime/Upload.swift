internal import Bytes
internal import Domain

/// The upload of one output: small files are sent whole, large ones in pieces, so that a broken connection costs a
/// piece and not the file. The server reports the offset; it keeps pieces as long as the lease.
struct Upload: Sendable {
    /// Bytes; the server's limit for a piece. A home connection sends that much in a second or two.
    static let piece = 1 << 20

    enum Answer: Sendable {
        case stored
        /// The server has this many bytes of the body so far.
        case received(upTo: Int)
    }

    let path: String
    let job: JobID
    let claimToken: String
    /// As sent over the wire.
    let body: [UInt8]
    /// Whether `body` is a zstd frame.
    let isCompressed: Bool
    /// Of the decoded bytes, lowercase hex.
    let sha256: String

    init(_ bytes: [UInt8], to path: String, of job: JobID, claimToken: String) async {
        (body, isCompressed) = await Self.compressed(bytes)
        sha256 = SHA256.hex(bytes)
        self.path = path
        self.job = job
        self.claimToken = claimToken
    }

    /// Sends what the server doesn't have yet. After an error the next call resumes where this one stopped.
    func send(by client: LeaseClient) async throws(ServerError) {
        guard body.count > Self.piece else {
            _ = try await client.put(self, 0..<body.count)
            return
        }
        var offset = try await client.uploadOffset(of: self)
        var stalls = 0
        // The server reports the full size for a file that it has stored.
        while offset < body.count, stalls < 3 {
            let start = max(offset, 0)
            let end = min(start + Self.piece, body.count)
            guard case .received(let upTo) = try await client.put(self, start..<end) else { return }
            stalls = upTo > offset ? 0 : stalls + 1
            offset = upTo
        }
        guard offset < body.count else { return }
        throw .unreachable("the upload of \(path) makes no progress")
    }

    /// Compresses if that saves at least 5 %; yields between pieces.
    private static func compressed(_ bytes: [UInt8]) async -> (bytes: [UInt8], isCompressed: Bool) {
        guard bytes.count > 512, let compressor = try? ZstdCompressor() else { return (bytes, false) }
        var compressed: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + (1 << 20), bytes.count)
            guard let piece = try? compressor.update(Array(bytes[start..<end])) else { return (bytes, false) }
            compressed += piece
            start = end
            await Task.yield()
        }
        guard let rest = try? compressor.finish() else { return (bytes, false) }
        compressed += rest
        // What squeezes too well the server takes for a bomb: it goes as it is.
        let isWelcome = Zstd.allows(bytes.count, from: compressed.count)
        return isWelcome && compressed.count < bytes.count - bytes.count / 20 ? (compressed, true) : (bytes, false)
    }
}
