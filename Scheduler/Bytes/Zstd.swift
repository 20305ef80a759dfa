internal import CZstd

package enum ZstdError: Error, Sendable, Equatable {
    /// No zstd data, damaged, or asking for a window over 8 MiB.
    case corrupt
    case truncated
    /// More output than the limit or the ratio allows.
    case tooLarge
    case outOfMemory
}

/// Zstandard, whole. Decompression is bounded in output, in ratio and in memory (PROMISES 3.7).
package enum Zstd {
    /// 2^23 bytes: what `zstd -19` asks for.
    static let windowLog: Int32 = 23
    /// The ratio counts only beyond this much output: an honest small file may be all zeros.
    static let ratioFloor = 1 << 20

    /// `level` 1–19; others are brought within.
    package static func compress(_ bytes: [UInt8], level: Int = 3) throws(ZstdError) -> [UInt8] {
        let size = ZSTD_compressBound(bytes.count)
        guard ZSTD_isError(size) == 0 else { throw .tooLarge }
        var written = 0
        let output = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            written = ZSTD_compress(buffer.baseAddress, size, bytes, bytes.count, Int32(min(max(level, 1), 19)))
            filled = ZSTD_isError(written) == 0 ? written : 0
        }
        guard ZSTD_isError(written) == 0 else { throw .outOfMemory }
        return output
    }

    /// - Parameters:
    ///   - limit: the most bytes of output.
    ///   - ratio: the most bytes of output to one of input, once the output is over 1 MiB.
    package static func decompress(_ bytes: [UInt8], limit: Int, ratio: Int = 200) throws(ZstdError) -> [UInt8] {
        let stream = try ZstdDecompressor(limit: limit, ratio: ratio)
        let output = try stream.update(bytes)
        try stream.finish()
        return output
    }
}
