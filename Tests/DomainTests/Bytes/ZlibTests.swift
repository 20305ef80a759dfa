import Bytes
import Testing

@Suite("zlib is unpacked within its bounds")
struct ZlibTests {
    /// As Python's `zlib.compress` packs them, by each kind of block.
    private struct Vector: Sendable {
        let packed: String
        let whole: [UInt8]
    }

    /// As Python's `zlib.compress` packs them, by each kind of block.
    private static let vectors = [fixed, stored, dynamic, zeros]

    private static let fixed = Vector(
        packed: "78012bc94855282ccd4cce56482aca2fcf5348cbaf502819151b151b151b56620085746e46",
        whole: Array(String(repeating: "the quick brown fox ", count: 51).utf8.prefix(1_000)))
    private static let stored = Vector(
        packed:
            "7801012800d7ff00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9e0e7eef5fc030a111db31255",
        whole: (0..<40).map { UInt8(truncatingIfNeeded: $0 * 7) })
    private static let dynamic = Vector(
        packed: """
            78daedce210285200c0050092eb8e0822b04290b125ca14a70852a852085fb9fe25fe01fc177823701a74a65ed5983e8\
            d5a9604b1b38e4d416a39155f69807157a94d1a13f2b161a7684a079f08d3531c2ccdab0f09ba304b5978c6af2b303af\
            8d6eea16458edcd9a89d0c003e3d68dc4df710ad7359aa7a00dcb492f1b862906863356cea71fa825ff07ff007c40975\
            8b
            """,
        whole: (0..<700).map { number -> UInt8 in
            let (square, cube) = (number * number % 23, number * number * number % 7)
            return UInt8(square * 5 + cube)
        })
    private static let zeros = Vector(
        packed: "78da63601805a360148c54000004000001", whole: [UInt8](repeating: 0, count: 1_024))

    @Test("what Python packed, each by its kind of block", arguments: 0..<4)
    func good(index: Int) throws {
        let whole = Self.vectors[index].whole
        let bytes = try #require(Hex.decode(Self.vectors[index].packed))
        #expect(Zlib.inflate(bytes, limit: whole.count) == whole)
        #expect(Zlib.inflate(bytes, limit: whole.count - 1) == nil, "over the limit")
        #expect(Zlib.inflate(bytes + [0], limit: 10_000) == nil, "something behind it")
    }

    @Test("cut off anywhere, or with any bit turned, it is none or the same", arguments: 0..<4)
    func damaged(index: Int) throws {
        let whole = Self.vectors[index].whole
        let bytes = try #require(Hex.decode(Self.vectors[index].packed))
        for count in 0..<bytes.count { #expect(Zlib.inflate(Array(bytes[..<count]), limit: 10_000) == nil) }
        for place in bytes.indices {
            for bit in 0..<8 {
                var other = bytes
                other[place] ^= 1 << UInt8(bit)
                let found = Zlib.inflate(other, limit: 10_000)
                // Bits between blocks and the window's size say nothing of what is inside.
                #expect(found == nil || found == whole, "byte \(place), bit \(bit)")
            }
        }
    }

    @Test("random bytes neither trap nor grow", arguments: 0..<200)
    func noise(seed: UInt64) {
        var chance = Noise(state: seed)
        let bytes = [0x78, 0x9C] + (0..<300).map { _ in UInt8(truncatingIfNeeded: chance.next()) }
        #expect(Zlib.inflate(bytes, limit: 1_000).map { $0.count <= 1_000 } ?? true)
    }

    private struct Noise {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
    }
}
