internal import Bytes
package import Store

/// Packs content into chunks of one zstd stream, hashing what goes in. For one task at a time.
package struct BlobPacker {
    /// Bytes of a stored chunk; a row of this size is read and written in one go.
    static let chunkSize = 256 * 1_024

    private var hasher = SHA256()
    private let packer: ZstdCompressor
    private var size: Int64 = 0
    private var open: [UInt8] = []
    /// Those that are full.
    private(set) var chunks: [[UInt8]] = []
    /// 256 KiB: as many packers are at work as files come, and a larger window hardly packs better.
    private static let windowLog: Int32 = 18

    package init() throws { packer = try ZstdCompressor(windowLog: Self.windowLog) }

    /// Bytes that it has in memory.
    var memory: Int { packer.memory + open.capacity + chunks.reduce(0) { $0 + $1.capacity } }

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
        var rest = packed[...]
        while open.count + rest.count >= Self.chunkSize {
            let filling = rest.prefix(Self.chunkSize - open.count)
            rest = rest.dropFirst(filling.count)
            chunks.append(open + filling)
            open.removeAll(keepingCapacity: true)
        }
        open += rest
    }
}
