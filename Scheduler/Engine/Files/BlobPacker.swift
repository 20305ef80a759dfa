internal import Bytes
package import Store

/// Packs content into chunks of one zstd stream, hashing what goes in. For one task at a time.
package struct BlobPacker {
    /// Bytes of a stored chunk; a row of this size is read and written in one go.
    private static let chunkSize = 256 * 1_024

    private var hasher = SHA256()
    private let packer: ZstdCompressor
    private var size: Int64 = 0
    private var open: [UInt8] = []
    /// Those that are full.
    private(set) var chunks: [[UInt8]] = []
    /// 1 MiB: as many packers are at work as files come.
    private static let windowLog: Int32 = 20

    package init() throws { packer = try ZstdCompressor(windowLog: Self.windowLog) }

    package mutating func add(_ bytes: [UInt8]) throws {
        hasher.update(bytes)
        size += Int64(bytes.count)
        cut(try packer.update(bytes))
    }

    /// Gives away the chunks that are full.
    mutating func takeChunks() -> [[UInt8]] {
        defer { chunks = [] }
        return chunks
    }

    package mutating func finish() throws -> Blob {
        cut(try packer.finish())
        if !open.isEmpty { chunks.append(open) }
        return Blob(hash: Hex.encode(hasher.finish()), size: size, chunks: chunks)
    }

    private mutating func cut(_ packed: [UInt8]) {
        open += packed
        while open.count >= Self.chunkSize {
            chunks.append(Array(open.prefix(Self.chunkSize)))
            open.removeFirst(Self.chunkSize)
        }
    }
}
