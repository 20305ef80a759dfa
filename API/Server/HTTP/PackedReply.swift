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
    package static let fileType = "application/octet-stream"

    /// A file that is kept packed: as it is stored to a client that takes zstd, unpacked on the way for others, or a
    /// part of it (`Range`); 304 to one who has it. Its tag is its hash: strong, but for the packed form, whose bytes
    /// may be others when it is stored anew. A browser must not run what a job wrote.
    ///
    /// What comes before a part is unpacked too, and thrown away: a part costs what the file costs until its end.
    /// - Parameters:
    ///   - hash: SHA-256 hex of the content.
    ///   - size: unpacked, in bytes.
    ///   - chunk: the stored chunk of that number, from 0; nil after the last. The chunks are one zstd stream.
    package static func file(
        for call: Call, hash: String, size: Int, chunk: @escaping @Sendable (Int) async throws -> [UInt8]?
    ) throws(Problem) -> Reply {
        let tag = "\"\(hash)\""
        let isPacked = acceptsZstd(call.header(.acceptEncoding))
        var reply: Reply
        let range = call.range(of: size, tag: tag)
        if call.head.headerFields[values: .ifNoneMatch].contains(where: { EntityTag.matches($0, tag) }) {
            reply = empty(.notModified).with(.eTag, tag)
        } else if case .beyond = range {
            throw Problem(
                .rangeNotSatisfiable, "range_not_satisfiable",
                "the file has \(size) bytes; ask for some of them, or leave Range out", field: "Range",
                headers: [.contentRange: "bytes */\(size)"])
        } else if case .part(let part) = range {
            reply = unpacked(.partialContent, part, of: size, chunk).with(.eTag, tag)
                .with(.contentRange, "bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)")
        } else if isPacked {
            reply = packed(chunk).with(.contentEncoding, "zstd").with(.eTag, "W/\(tag)")
        } else {
            reply = unpacked(.ok, 0..<size, of: size, chunk).with(.eTag, tag)
        }
        if reply.status != .notModified { reply = reply.with(.contentDisposition, "attachment") }
        return reply.with(.acceptRanges, "bytes").with(.vary, "Accept-Encoding, Authorization, X-Owner-ID")
            .with(.cacheControl, "private, no-cache")
    }

    private static func packed(_ chunk: @escaping @Sendable (Int) async throws -> [UInt8]?) -> Reply {
        stream(.ok, type: fileType) { writer in
            var number = 0
            while let bytes = try await chunk(number) {
                try await writer.write(ByteBuffer(bytes: bytes))
                number += 1
            }
        }
    }

    /// - Parameters:
    ///   - part: the bytes to send.
    ///   - size: of the whole file.
    private static func unpacked(
        _ status: HTTPResponse.Status, _ part: Range<Int>, of size: Int,
        _ chunk: @escaping @Sendable (Int) async throws -> [UInt8]?
    ) -> Reply {
        stream(status, type: fileType, length: part.count) { writer in
            let unpacking = try Unpacking(size: size)
            var (number, position) = (0, 0)
            while position < part.upperBound, let bytes = try await chunk(number) {
                unpacking.feed(bytes)
                number += 1
                while position < part.upperBound, let piece = try await unpacking.next() {
                    let wanted = part.clamped(to: position..<(position + piece.readableBytes))
                    let start = piece.readerIndex + wanted.lowerBound - position
                    position += piece.readableBytes
                    if let some = piece.getSlice(at: start, length: wanted.count) { try await writer.write(some) }
                }
            }
            // Fewer bytes than were announced: the connection breaks off, so that nobody takes them for the file.
            guard position >= part.upperBound else { throw ZstdError.truncated }
        }
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
}
