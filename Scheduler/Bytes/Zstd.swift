internal import CZstd

package enum ZstdError: Error, Sendable, Equatable {
    /// No zstd data, damaged, or asking for a window over 8 MiB.
    case corrupt
    case truncated
    /// More output than the limit.
    case tooLarge
    /// More output to the input than the ratio allows.
    case overRatio
    case outOfMemory
}

/// Zstandard, whole. Decompression is bounded in output, in ratio and in memory (PROMISES 3.7).
package enum Zstd {
    /// 2^23 bytes: what `zstd -19` asks for.
    static let windowLog: Int32 = 23
    /// The ratio counts only beyond this much output: an honest small file may be all zeros.
    package static let ratioFloor = 1 << 20
    /// What honest files keep to: a bomb is packed 10,000 times.
    package static let ratio = 200

    /// Whether so much output may come from so much input.
    package static func allows(_ unpacked: Int, from packed: Int, ratio: Int = ratio) -> Bool {
        let (product, overflow) = packed.multipliedReportingOverflow(by: ratio)
        return overflow || unpacked <= max(product, ratioFloor)
    }

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
    package static func decompress(_ bytes: [UInt8], limit: Int, ratio: Int = ratio) throws(ZstdError) -> [UInt8] {
        let stream = try ZstdDecompressor(limit: limit, ratio: ratio, announced: bytes.count)
        let output = try stream.update(bytes)
        try stream.finish()
        return output
    }
}
