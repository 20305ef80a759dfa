internal import CZstd

/// Compresses piece by piece. For one task at a time.
package final class ZstdCompressor {
    private let context: OpaquePointer

    /// `level` 1–19; others are brought within.
    package init(level: Int = 3) throws(ZstdError) {
        guard let context = ZSTD_createCCtx() else { throw .outOfMemory }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(min(max(level, 1), 19)))
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    /// What is ready so far, often nothing.
    package func update(_ bytes: [UInt8]) throws(ZstdError) -> [UInt8] {
        try run(bytes, ZSTD_e_continue)
    }

    /// The rest of the frame. What follows is another frame.
    package func finish() throws(ZstdError) -> [UInt8] {
        try run([], ZSTD_e_end)
    }

    private func run(_ bytes: [UInt8], _ mode: ZSTD_EndDirective) throws(ZstdError) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { source throws(ZstdError) in
            var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            var output: [UInt8] = []
            var left = 0
            repeat {
                left = try appending(to: &output) { ZSTD_compressStream2(context, &$0, &input, mode) }
            } while input.pos < input.size || (mode == ZSTD_e_end && left > 0)
            return output
        }
    }
}

/// Decompresses piece by piece, within its bounds. Takes frames that follow one another. For one task at a time.
package final class ZstdDecompressor {
    private let context: OpaquePointer
    private let limit: Int
    private let ratio: Int
    private var consumed = 0
    private var produced = 0
    /// Whether the input so far ends where a frame does.
    private var isComplete = false

    /// See `Zstd.decompress`; the bounds hold over the whole stream.
    package init(limit: Int, ratio: Int = 200) throws(ZstdError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        self.context = context
        self.limit = max(0, limit)
        self.ratio = max(1, ratio)
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Zstd.windowLog)
    }

    deinit {
        ZSTD_freeDCtx(context)
    }

    /// All that these bytes yield. After an error the stream is dead: throw it away.
    package func update(_ bytes: [UInt8]) throws(ZstdError) -> [UInt8] {
        guard !bytes.isEmpty else { return [] }
        consumed += bytes.count
        return try bytes.withUnsafeBufferPointer { source throws(ZstdError) in
            var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
            var output: [UInt8] = []
            var wasFilled = false
            repeat {
                let before = output.count
                var room = 0
                let left = try appending(to: &output) {
                    let status = ZSTD_decompressStream(context, &$0, &input)
                    room = $0.size - $0.pos
                    return status
                }
                // A full buffer may hide more output, except at a frame's end.
                wasFilled = room == 0 && left > 0
                isComplete = left == 0
                produced += output.count - before
                try checkBounds()
            } while input.pos < input.size || wasFilled
            return output
        }
    }

    /// Throws unless the last frame is whole.
    package func finish() throws(ZstdError) {
        guard isComplete else { throw .truncated }
    }

    private func checkBounds() throws(ZstdError) {
        let (product, overflow) = consumed.multipliedReportingOverflow(by: ratio)
        let allowed = overflow ? Int.max : max(product, Zstd.ratioFloor)
        guard produced <= min(limit, allowed) else { throw .tooLarge }
    }
}

/// Gives `step` 64 KiB to fill at the end of `output`; the library's status is returned when it is no error.
private func appending(
    to output: inout [UInt8], _ step: (inout ZSTD_outBuffer) -> Int
) throws(ZstdError) -> Int {
    var status = 0
    let piece = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, filled in
        var target = ZSTD_outBuffer(dst: buffer.baseAddress, size: 1 << 16, pos: 0)
        status = step(&target)
        filled = target.pos
    }
    guard ZSTD_isError(status) == 0 else { throw .corrupt }
    output.append(contentsOf: piece)
    return status
}
