internal import CZstd

/// Compresses piece by piece. For one task at a time.
package final class ZstdCompressor {
    private let context: OpaquePointer

    /// `level` 1–19; others are brought within.
    /// - Parameter windowLog: how far back it looks, 2 to its power in bytes, 10–23; nil is as the level has it. It
    ///   needs about twice as much memory.
    package init(level: Int = 3, windowLog: Int32? = nil) throws(ZstdError) {
        guard let context = ZSTD_createCCtx() else { throw .outOfMemory }
        self.context = context
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(min(max(level, 1), 19)))
        if let windowLog { ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, min(max(windowLog, 10), Zstd.windowLog)) }
    }

    deinit {
        ZSTD_freeCCtx(context)
    }

    /// Bytes that it has in memory.
    package var memory: Int { ZSTD_sizeof_CCtx(context) }

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
    /// Of all that comes, as far as it was said.
    private let announced: Int
    private var consumed = 0
    private var produced = 0
    private var input: [UInt8] = []
    private var position = 0
    /// Whether the library may have more to give of what it took.
    private var wasFilled = false
    /// Whether the input so far ends where a frame does.
    private var isComplete = false

    /// See `Zstd.decompress`; the bounds hold over the whole stream.
    /// - Parameter announced: how many bytes of input will come, so that a file that begins with zeros is judged as a
    ///   whole; 0 when that isn't known.
    package init(limit: Int, ratio: Int = Zstd.ratio, announced: Int = 0) throws(ZstdError) {
        guard let context = ZSTD_createDCtx() else { throw .outOfMemory }
        self.context = context
        self.limit = max(0, limit)
        self.ratio = max(1, ratio)
        self.announced = announced
        ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, Zstd.windowLog)
    }

    deinit {
        ZSTD_freeDCtx(context)
    }

    /// Bytes that it has in memory: mostly the window that the frame at hand asks for, 8 MiB at most.
    package var memory: Int { ZSTD_sizeof_DCtx(context) + input.capacity }

    /// All that these bytes yield. After an error the stream is dead: throw it away.
    package func update(_ bytes: [UInt8]) throws(ZstdError) -> [UInt8] {
        feed(bytes)
        var output: [UInt8] = []
        while let piece = try next() { output.append(contentsOf: piece) }
        return output
    }

    /// Takes input, which `next` unpacks.
    package func feed(_ bytes: [UInt8]) {
        input = position < input.count ? Array(input[position...]) + bytes : bytes
        position = 0
        consumed += bytes.count
    }

    /// The next bytes of output, 64 KiB at most: little input may yield very much. Nil when more input is needed.
    package func next() throws(ZstdError) -> [UInt8]? {
        while position < input.count || wasFilled {
            var (piece, left, room): ([UInt8], Int, Int) = ([], 0, 0)
            let start = position
            let end = try input.withUnsafeBufferPointer { source throws(ZstdError) in
                var buffer = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: start)
                left = try appending(to: &piece) {
                    let status = ZSTD_decompressStream(context, &$0, &buffer)
                    room = $0.size - $0.pos
                    return status
                }
                return buffer.pos
            }
            position = end
            // A full buffer may hide more output, except at a frame's end.
            wasFilled = room == 0 && left > 0
            isComplete = left == 0
            produced += piece.count
            try checkBounds()
            if !piece.isEmpty { return piece }
        }
        return nil
    }

    /// Throws unless the last frame is whole.
    package func finish() throws(ZstdError) {
        guard isComplete else { throw .truncated }
    }

    private func checkBounds() throws(ZstdError) {
        guard produced <= limit else { throw .tooLarge }
        guard Zstd.allows(produced, from: max(consumed, announced), ratio: ratio) else { throw .overRatio }
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
