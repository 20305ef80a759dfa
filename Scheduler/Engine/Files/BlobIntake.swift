internal import Bytes
package import Store

/// Content on its way into storage: unpacked, hashed and packed piece by piece on the threads for that, so that no
/// event loop is busy with it, and no more of it is unpacked at once than a little.
// Unchecked: whoever adds waits until the piece is done, so that one thread at a time is at work.
package final class BlobIntake: @unchecked Sendable {
    /// So many bytes are brought to another thread together.
    private static let bite = 256 << 10

    private var packer: BlobPacker
    /// Nil for content that comes as it is.
    private let unpacker: ZstdDecompressor?
    private let limit: Int
    private var waiting: [UInt8] = []

    /// - Parameters:
    ///   - isPacked: whether it comes as zstd.
    ///   - announced: how many bytes will come; 0 when that isn't known.
    ///   - limit: the most bytes of what came packed, unpacked. Of what isn't packed the caller counts.
    package init(isPacked: Bool, announced: Int, limit: Int) throws {
        packer = try BlobPacker()
        unpacker = try isPacked ? ZstdDecompressor(limit: limit, announced: announced) : nil
        self.limit = limit
    }

    /// Throws `UploadError` for what can't be unpacked, or not within the limits.
    package func add(_ bytes: [UInt8]) async throws {
        waiting += bytes
        guard waiting.count >= Self.bite else { return }
        let bite = waiting
        waiting = []
        try await WorkPool.shared.run { try self.take(bite) }
    }

    /// All of it. Throws as `add`.
    package func finish() async throws -> Blob {
        let rest = waiting
        waiting = []
        return try await WorkPool.shared.run {
            try self.take(rest)
            if let unpacker = self.unpacker { try self.end(unpacker) }
            return try self.packer.finish()
        }
    }

    private func take(_ bytes: [UInt8]) throws {
        guard let unpacker else { return try packer.add(bytes) }
        unpacker.feed(bytes)
        while let piece = try next(unpacker) { try packer.add(piece) }
    }

    private func next(_ unpacker: ZstdDecompressor) throws(UploadError) -> [UInt8]? {
        do { return try unpacker.next() } catch { throw .undecodable(error, limit: limit) }
    }

    private func end(_ unpacker: ZstdDecompressor) throws(UploadError) {
        do { try unpacker.finish() } catch { throw .undecodable(error, limit: limit) }
    }
}
