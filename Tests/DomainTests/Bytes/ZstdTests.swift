import Bytes
import Testing

@Suite("Zstandard is bounded")
struct ZstdTests {
    private let text = Array(String(repeating: "the quick brown fox ", count: 20_000).utf8)

    @Test("what was compressed comes back, whole or in pieces")
    func roundTrip() throws {
        let packed = try Zstd.compress(text)
        #expect(packed.count < text.count / 100)
        #expect(try Zstd.decompress(packed, limit: text.count) == text)
        #expect(try Zstd.decompress(Zstd.compress([]), limit: 0).isEmpty)

        let compressor = try ZstdCompressor(level: 1)
        var stream: [UInt8] = []
        for start in stride(from: 0, to: text.count, by: 30_000) {
            stream += try compressor.update(Array(text[start..<min(text.count, start + 30_000)]))
        }
        stream += try compressor.finish()
        let decompressor = try ZstdDecompressor(limit: text.count)
        var output: [UInt8] = []
        for byte in stream { output += try decompressor.update([byte]) }
        try decompressor.finish()
        #expect(output == text)
    }

    @Test("bytes that do not compress come back too")
    func incompressible() throws {
        let noise = randomBytes(300_000)
        #expect(try Zstd.decompress(Zstd.compress(noise, level: 99), limit: noise.count) == noise)
    }

    @Test("frames that follow one another are one output")
    func frames() throws {
        let packed = try Zstd.compress([1, 2]) + Zstd.compress([]) + Zstd.compress([3])
        #expect(try Zstd.decompress(packed, limit: 3) == [1, 2, 3])
    }

    @Test("a bomb is refused by its output and by its ratio")
    func bombs() throws {
        let bomb = try Zstd.compress(Array(repeating: 0, count: 64 << 20))
        #expect(bomb.count < 1 << 14)
        #expect(throws: ZstdError.tooLarge) { try Zstd.decompress(bomb, limit: 1 << 20) }
        #expect(throws: ZstdError.overRatio) { try Zstd.decompress(bomb, limit: .max) }
        #expect(try Zstd.decompress(bomb, limit: 64 << 20, ratio: .max).count == 64 << 20)
        let packed = try Zstd.compress(text)
        #expect(throws: ZstdError.tooLarge) { try Zstd.decompress(packed, limit: self.text.count - 1) }
        #expect(throws: ZstdError.tooLarge) { try Zstd.decompress(Zstd.compress([1]), limit: -5) }
    }

    @Test("the ratio is that of the whole, when it is known: zeros may come first")
    func leadingZeros() throws {
        let content = [UInt8](repeating: 0, count: 4 << 20) + randomBytes(100_000)
        let packed = try Zstd.compress(content)
        #expect(Zstd.allows(content.count, from: packed.count) && !Zstd.allows(content.count, from: 1_000))
        func unpack(announced: Int) throws -> [UInt8] {
            let stream = try ZstdDecompressor(limit: .max, announced: announced)
            return try stream.update(Array(packed.prefix(1_000))) + stream.update(Array(packed.dropFirst(1_000)))
        }
        #expect(try unpack(announced: packed.count) == content)
        #expect(throws: ZstdError.overRatio) { try unpack(announced: 0) }
        #expect(Zstd.allows(1 << 20, from: 0) && !Zstd.allows(1 << 20 | 1, from: 0) && Zstd.allows(.max, from: .max))
    }

    @Test("output comes a little at a time, however much a few bytes yield")
    func pieces() throws {
        let stream = try ZstdDecompressor(limit: 8 << 20, ratio: .max)
        stream.feed(try Zstd.compress([UInt8](repeating: 7, count: 8 << 20)))
        var total = 0
        while let piece = try stream.next() {
            #expect((1...1 << 16).contains(piece.count))
            total += piece.count
        }
        try stream.finish()
        #expect(total == 8 << 20)
        #expect(try stream.next() == nil)
    }

    @Test("small zeros are no bomb")
    func smallZeros() throws {
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        #expect(try Zstd.decompress(Zstd.compress(zeros), limit: 1 << 20) == zeros)
    }

    @Test("a frame that asks for a window over 8 MiB is refused before any memory is taken")
    func window() {
        // Window descriptor: exponent in the upper five bits, 2^(10 + exponent).
        func frame(exponent: UInt8) -> [UInt8] {
            [0x28, 0xB5, 0x2F, 0xFD, 0x00, exponent << 3, 0x01, 0x00, 0x00]
        }
        #expect(throws: Never.self) { try Zstd.decompress(frame(exponent: 13), limit: 10) }
        for exponent in [14, 17, 21, 31] as [UInt8] {
            #expect(throws: ZstdError.corrupt) { try Zstd.decompress(frame(exponent: exponent), limit: 10) }
        }
    }

    @Test("input cut anywhere, damaged, or followed by rubbish is refused or bounded, never fatal")
    func damaged() throws {
        let packed = try Zstd.compress(Array("some text, some more text, and some text again".utf8))
        for count in 0..<packed.count {
            #expect(throws: ZstdError.self) { try Zstd.decompress(Array(packed[..<count]), limit: 1_000) }
        }
        for at in packed.indices {
            for bit in 0..<8 {
                var bytes = packed
                bytes[at] ^= 1 << UInt8(bit)
                let output = try? Zstd.decompress(bytes, limit: 1_000)
                #expect(output?.count ?? 0 <= 1_000)
            }
        }
        #expect(throws: ZstdError.corrupt) { try Zstd.decompress(packed + Array("rubbish".utf8), limit: 1_000) }
        #expect(throws: ZstdError.corrupt) { try Zstd.decompress(Array("plain text".utf8), limit: 1_000) }
        #expect(throws: ZstdError.truncated) { try Zstd.decompress([], limit: 1_000) }
    }
}
