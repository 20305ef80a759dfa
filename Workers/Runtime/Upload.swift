internal import Bytes
internal import Domain

/// One output on its way to the server: small ones go whole, large ones in pieces, so that a connection that breaks
/// costs a piece and not the file. The server says how far it is; pieces live as long as the lease.
struct Upload: Sendable {
    /// Bytes of a body, the most that the server takes of a piece. A home's line sends that much in a second or two.
    static let piece = 1 << 20

    enum Answer: Sendable {
        case stored
        /// The server has the first so many bytes of the body.
        case received(upTo: Int)
    }

    let path: String
    let job: JobID
    let claimToken: String
    /// As it goes over the wire.
    let body: [UInt8]
    /// Whether `body` is a zstd frame.
    let isCompressed: Bool
    /// Of the decoded bytes, lowercase hex.
    let sha256: String

    init(_ bytes: [UInt8], to path: String, of job: JobID, claimToken: String) async {
        (body, isCompressed) = await Self.packed(bytes)
        sha256 = SHA256.hex(bytes)
        self.path = path
        self.job = job
        self.claimToken = claimToken
    }

    /// Sends what the server hasn't yet. After an error the next call goes on where this one stopped.
    func send(by client: LeaseClient) async throws(ServerError) {
        guard body.count > Self.piece else {
            _ = try await client.put(self, 0..<body.count)
            return
        }
        var offset = try await client.uploadOffset(of: self)
        var stalls = 0
        // All of it is what the server says of a file that it has stored.
        while offset < body.count, stalls < 3 {
            let start = max(offset, 0)
            let end = min(start + Self.piece, body.count)
            guard case .received(let upTo) = try await client.put(self, start..<end) else { return }
            stalls = upTo > offset ? 0 : stalls + 1
            offset = upTo
        }
        guard offset < body.count else { return }
        throw .unreachable("the server takes no more of \(path)")
    }

    /// A zstd frame where it saves a twentieth, in pieces that let others run.
    private static func packed(_ bytes: [UInt8]) async -> (bytes: [UInt8], isCompressed: Bool) {
        guard bytes.count > 512, let compressor = try? ZstdCompressor() else { return (bytes, false) }
        var packed: [UInt8] = []
        var start = 0
        while start < bytes.count {
            let end = min(start + (1 << 20), bytes.count)
            guard let piece = try? compressor.update(Array(bytes[start..<end])) else { return (bytes, false) }
            packed += piece
            start = end
            await Task.yield()
        }
        guard let rest = try? compressor.finish() else { return (bytes, false) }
        packed += rest
        return packed.count < bytes.count - bytes.count / 20 ? (packed, true) : (bytes, false)
    }
}
