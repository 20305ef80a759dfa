/// Unpacks zlib (RFC 1950, 1951) of small things: an answer never grows beyond its limit.
package enum Zlib {
    /// nil for what is none, is damaged, has something behind it, or holds more than `limit` bytes.
    package static func inflate(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
        // The method, a window of at most 32 KiB, the check of both, no preset dictionary.
        guard bytes.count >= 6, bytes[0] & 0x0F == 8, bytes[0] >> 4 <= 7, bytes[1] & 0x20 == 0,
            (Int(bytes[0]) << 8 | Int(bytes[1])) % 31 == 0
        else { return nil }
        var inflater = Inflater(bytes, from: 2, limit: limit)
        do throws(Inflater.Damaged) { try inflater.run() } catch { return nil }
        let rest = bytes[inflater.at...]
        guard rest.count == 4, rest.reduce(0, { $0 << 8 | UInt32($1) }) == adler32(inflater.output) else { return nil }
        return inflater.output
    }

    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (a, b) = (UInt32(1), UInt32(0))
        for byte in bytes {
            a = (a + UInt32(byte)) % 65_521
            b = (b + a) % 65_521
        }
        return b << 16 | a
    }
}

/// The blocks of RFC 1951, one bit after the other.
private struct Inflater {
    struct Damaged: Error {}

    private let bytes: [UInt8]
    private(set) var at: Int
    private(set) var output: [UInt8] = []
    private let limit: Int
    /// Bits that were read and not used, the next one lowest; fewer than eight between two reads.
    private var held: UInt32 = 0
    private var heldCount = 0

    init(_ bytes: [UInt8], from start: Int, limit: Int) {
        self.bytes = bytes
        at = start
        self.limit = limit
    }

    mutating func run() throws(Damaged) {
        var isLast = false
        while !isLast {
            isLast = try bits(1) == 1
            switch try bits(2) {
            case 0: try stored()
            case 1: try codes(Self.fixedLengths, Self.fixedDistances)
            case 2: try dynamic()
            default: throw Damaged()
            }
        }
    }

    /// Up to 16 bits.
    private mutating func bits(_ count: Int) throws(Damaged) -> Int {
        while heldCount < count {
            guard at < bytes.count else { throw Damaged() }
            held |= UInt32(bytes[at]) << UInt32(heldCount)
            at += 1
            heldCount += 8
        }
        let value = held & ((1 << UInt32(count)) - 1)
        held >>= UInt32(count)
        heldCount -= count
        return Int(value)
    }

    private mutating func put(_ byte: UInt8) throws(Damaged) {
        guard output.count < limit else { throw Damaged() }
        output.append(byte)
    }

    private mutating func stored() throws(Damaged) {
        (held, heldCount) = (0, 0)
        guard bytes.count - at >= 4 else { throw Damaged() }
        let length = Int(bytes[at]) | Int(bytes[at + 1]) << 8
        guard length ^ 0xFFFF == Int(bytes[at + 2]) | Int(bytes[at + 3]) << 8 else { throw Damaged() }
        at += 4
        guard bytes.count - at >= length else { throw Damaged() }
        for byte in bytes[at..<(at + length)] { try put(byte) }
        at += length
    }

    private mutating func dynamic() throws(Damaged) {
        let (lengths, distances, sizes) = (try bits(5) + 257, try bits(5) + 1, try bits(4) + 4)
        guard lengths <= 286, distances <= 30 else { throw Damaged() }
        var order = [Int](repeating: 0, count: 19)
        for place in Self.sizeOrder.prefix(sizes) { order[place] = try bits(3) }
        let sizeCode = try Huffman(order)
        var all: [Int] = []
        while all.count < lengths + distances {
            switch try symbol(sizeCode) {
            case let size where size < 16: all.append(size)
            case 16:
                guard let last = all.last else { throw Damaged() }
                all += Array(repeating: last, count: 3 + (try bits(2)))
            case 17: all += Array(repeating: 0, count: 3 + (try bits(3)))
            default: all += Array(repeating: 0, count: 11 + (try bits(7)))
            }
        }
        guard all.count == lengths + distances, all[256] > 0 else { throw Damaged() }
        try codes(Huffman(Array(all[..<lengths])), Huffman(Array(all[lengths...])))
    }

    private mutating func codes(_ lengths: Huffman, _ distances: Huffman) throws(Damaged) {
        while true {
            let next = try symbol(lengths)
            if next == 256 { return }
            guard next > 256 else {
                try put(UInt8(truncatingIfNeeded: next))
                continue
            }
            guard next - 257 < Self.lengthBases.count else { throw Damaged() }
            let length = Self.lengthBases[next - 257] + (try bits(Self.lengthExtras[next - 257]))
            let place = try symbol(distances)
            guard place < Self.distanceBases.count else { throw Damaged() }
            let distance = Self.distanceBases[place] + (try bits(Self.distanceExtras[place]))
            guard distance <= output.count else { throw Damaged() }
            for _ in 0..<length { try put(output[output.count - distance]) }
        }
    }

    private mutating func symbol(_ code: Huffman) throws(Damaged) -> Int {
        var (value, first, index) = (0, 0, 0)
        for count in code.counts.dropFirst() {
            value |= try bits(1)
            if value - first < count { return code.symbols[index + value - first] }
            index += count
            first = (first + count) << 1
            value <<= 1
        }
        throw Damaged()
    }

    private static let sizeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    private static let lengthBases = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthExtras = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distanceBases = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1_025, 1_537, 2_049, 3_073,
        4_097, 6_145, 8_193, 12_289, 16_385, 24_577,
    ]
    private static let distanceExtras = [
        0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
    ]
    private static let fixedLengths = Huffman(
        checked: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = Huffman(checked: Array(repeating: 5, count: 30))

    /// A canonical code: how many symbols have each length, and the symbols in the order of their codes.
    struct Huffman {
        let counts: [Int]
        let symbols: [Int]

        /// - Parameter lengths: of each symbol's code, 0–15; 0 for those that have none.
        init(checked lengths: [Int]) {
            var counts = [Int](repeating: 0, count: 16)
            for length in lengths where length > 0 { counts[length] += 1 }
            self.counts = counts
            symbols = (1...15).flatMap { length in lengths.indices.filter { lengths[$0] == length } }
        }

        /// Throws for a code that has more symbols than room, or, unless it has one symbol or none, fewer.
        init(_ lengths: [Int]) throws(Damaged) {
            self.init(checked: lengths)
            var left = 1
            for count in counts.dropFirst() {
                left = left << 1 - count
                guard left >= 0 else { throw Damaged() }
            }
            guard left == 0 || symbols.count <= 1 else { throw Damaged() }
        }
    }
}
