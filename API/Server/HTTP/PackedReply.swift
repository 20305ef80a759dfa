internal import Bytes
internal import HTTPTypes
internal import NIOCore
internal import Store

/// What is the same for everybody as long as the process lives, as it is and packed.
struct KeptText: Sendable {
    private let type: String
    private let plain: ByteBuffer
    private let packed: ByteBuffer?

    init(_ bytes: [UInt8], type: String) {
        self.type = type
        plain = ByteBuffer(bytes: bytes)
        // Whoever takes it packed gets it plain otherwise.
        packed = (try? Zstd.compress(bytes, level: 12)).map { ByteBuffer(bytes: $0) }
    }

    func reply(for call: Call) -> Reply {
        let packed = Reply.acceptsZstd(call.header(.acceptEncoding)) ? packed : nil
        let reply = Reply(.ok, type: type, .whole(packed ?? plain)).with(.vary, "Accept-Encoding")
            .with(.cacheControl, "public, max-age=60")
        return packed == nil ? reply : reply.with(.contentEncoding, "zstd")
    }
}

extension Reply {
    /// Content that is kept packed: sent as it is to a client that takes zstd, unpacked on the way for others.
    ///
    /// - Parameters:
    ///   - size: unpacked, in bytes.
    ///   - chunk: the stored chunk of that number, from 0; nil after the last. The chunks are one zstd stream.
    package static func packed(
        for call: Call, type: String, size: Int, chunk: @escaping @Sendable (Int) async throws -> [UInt8]?
    ) -> Reply {
        if acceptsZstd(call.header(.acceptEncoding)) {
            return stream(.ok, type: type) { writer in
                var number = 0
                while let bytes = try await chunk(number) {
                    try await writer.write(ByteBuffer(bytes: bytes))
                    number += 1
                }
            }
            .with(.contentEncoding, "zstd").with(.vary, "Accept-Encoding, Authorization, X-Owner-ID")
        }
        return stream(.ok, type: type, length: size) { writer in
            let unpacking = try Unpacking(size: size)
            var number = 0
            while let bytes = try await chunk(number) {
                unpacking.feed(bytes)
                while let piece = try await unpacking.next() { try await writer.write(piece) }
                number += 1
            }
            if number > 0 { try unpacking.finish() }
        }
        .with(.vary, "Accept-Encoding, Authorization, X-Owner-ID")
    }

    /// `gzip, zstd;q=0.8`: named, and not with a weight of zero.
    static func acceptsZstd(_ header: String?) -> Bool {
        (header ?? "").split(separator: ",").contains { item in
            let parts = item.split(separator: ";").map { $0.filter { !$0.isWhitespace }.lowercased() }
            let refused: Set = ["q=0", "q=0.0", "q=0.00", "q=0.000"]
            return parts.first == "zstd" && !parts.dropFirst().contains(where: refused.contains)
        }
    }
}

/// Unpacks what we packed ourselves, away from the event loop and a little at a time.
// Unchecked: whoever asks waits for the piece, so that one thread at a time is at work.
private final class Unpacking: @unchecked Sendable {
    /// Bytes of a piece, and a little more.
    private static let piece = 256 << 10

    private let unpacker: ZstdDecompressor

    init(size: Int) throws {
        // The ratio is no attack.
        unpacker = try ZstdDecompressor(limit: size, ratio: .max)
    }

    func feed(_ bytes: [UInt8]) { unpacker.feed(bytes) }

    /// Nil when more is needed.
    func next() async throws -> ByteBuffer? {
        try await WorkPool.shared.run {
            var output: [UInt8] = []
            while output.count < Self.piece, let some = try self.unpacker.next() { output += some }
            return output.isEmpty ? nil : ByteBuffer(bytes: output)
        }
    }

    func finish() throws { try unpacker.finish() }
}
