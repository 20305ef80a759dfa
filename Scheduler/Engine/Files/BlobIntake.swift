internal import Bytes
package import Store

/// Content on its way into storage: unpacked, hashed and packed piece by piece on the threads for that, so that no
/// event loop is busy with it, and no more of it is unpacked at once than a little. What is more than a little goes
/// into the database while it comes, so that it is never in memory as a whole, and only noting it takes a lock.
// Unchecked: whoever adds waits until the piece is done, so that one thread at a time is at work.
package final class BlobIntake: @unchecked Sendable {
    /// So many bytes are brought to another thread together.
    private static let bite = 64 << 10
    /// So many full chunks are written together.
    private static let chunksAtOnce = 2

    private var packer: BlobPacker
    /// Nil for content that comes as it is.
    private let unpacker: ZstdDecompressor?
    private let limit: Int
    private let database: Database
    private var waiting: [UInt8] = []
    /// Nil as long as nothing had to be written.
    private var staged: Blob.Staged?

    /// - Parameters:
    ///   - database: where it will be stored.
    ///   - isPacked: whether it comes as zstd.
    ///   - announced: how many bytes will come; 0 when that isn't known.
    ///   - limit: the most bytes of what came packed, unpacked. Of what isn't packed the caller counts.
    package init(_ database: Database, isPacked: Bool, announced: Int, limit: Int) throws {
        self.database = database
        packer = try BlobPacker()
        unpacker = try isPacked ? ZstdDecompressor(limit: limit, announced: announced) : nil
        self.limit = limit
    }

    /// Bytes that it has in memory, or has while it writes, as of the last that was added. For who adds.
    package var memory: Int {
        packer.memory + (unpacker?.memory ?? 0) + waiting.capacity + Self.chunksAtOnce * BlobPacker.chunkSize
    }

    /// Throws `UploadError` for what can't be unpacked, or not within the limits.
    package func add(_ bytes: [UInt8]) async throws {
        waiting += bytes
        guard waiting.count >= Self.bite else { return }
        let bite = waiting
        waiting = []
        try await WorkPool.shared.run { try self.take(bite) }
        if packer.chunks.count >= Self.chunksAtOnce { try await stage(packer.takeChunks()) }
    }

    private func stage(_ chunks: [[UInt8]]) async throws {
        guard !chunks.isEmpty else { return }
        var staged: Blob.Staged
        if let begun = self.staged {
            staged = begun
        } else {
            staged = Blob.Staged(id: UUIDv7.text(in: .live))
            // Before it is written: what was may have to be taken away.
            self.staged = staged
        }
        let before = staged
        try await database.write { try $0.stage(chunks, of: before) }
        staged.count += Int64(chunks.count)
        staged.bytes += Int64(chunks.reduce(0) { $0 + $1.count })
        self.staged = staged
    }

    /// Stores it by `store`, once all of it is there. What was written in vain is taken away. Throws as `add`, and what
    /// `store` throws.
    package func store<Answer>(_ store: (Blob) async throws -> Answer) async throws -> Answer {
        do {
            let answer = try await store(finish())
            await discard()
            return answer
        } catch {
            await discard()
            throw error
        }
    }

    /// Takes away what was written and hasn't become a file. Where that fails the pruner will do it.
    package func discard() async {
        guard let id = staged?.id else { return }
        staged = nil
        try? await database.write { try $0.discardStaged(id) }
    }

    private func finish() async throws -> Blob {
        let rest = waiting
        waiting = []
        var blob = try await WorkPool.shared.run {
            try self.take(rest)
            if let unpacker = self.unpacker { try self.end(unpacker) }
            return try self.packer.finish()
        }
        guard staged != nil || blob.chunks.count > Self.chunksAtOnce else { return blob }
        let chunks = blob.chunks
        blob.chunks = []
        for part in chunks.slices(of: Self.chunksAtOnce) { try await stage(Array(part)) }
        blob.staged = staged
        return blob
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
