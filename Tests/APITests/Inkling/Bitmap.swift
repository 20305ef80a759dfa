import Bytes

/// A picture of one bit a pixel, as a postcard carries it: rows of whole bytes, zlib (RFC 1950), base64.
struct Bitmap {
    let bytes: [UInt8]

    /// A chessboard. The width is a multiple of 8, so that it is the same whether rows are padded or not.
    static func checked(width: Int, height: Int) -> Bitmap {
        Bitmap(bytes: (0..<height).flatMap { row in [UInt8](repeating: row % 2 == 0 ? 0xAA : 0x55, count: width / 8) })
    }

    var packed: String { Base64.encode(Self.zlib(bytes)) }

    /// In blocks that are stored as they are (RFC 1951, 3.2.4).
    static func zlib(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x78, 0x01]
        var rest = bytes[...]
        repeat {
            let piece = rest.prefix(65_535)
            rest = rest.dropFirst(piece.count)
            let count = UInt16(piece.count)
            out.append(rest.isEmpty ? 1 : 0)
            for word in [count, ~count] { out += [UInt8(truncatingIfNeeded: word), UInt8(word >> 8)] }
            out += piece
        } while !rest.isEmpty
        return out + adler(bytes)
    }

    /// The checksum of zlib.
    private static func adler(_ bytes: [UInt8]) -> [UInt8] {
        var (first, second): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            first = (first + UInt32(byte)) % 65_521
            second = (second + first) % 65_521
        }
        let sum = second << 16 | first
        return stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: sum >> UInt32($0)) }
    }

    /// So many zeros in so few bytes as a run of matches allows: one block of fixed codes (RFC 1951, 3.2.6).
    static func zeros(_ count: Int) -> [UInt8] {
        var bits: [Bool] = []
        func put(_ value: Int, _ length: Int) {
            for place in (0..<length).reversed() { bits.append(value >> place & 1 == 1) }
        }
        // The last block; fixed codes, least bit first.
        bits += [true, true, false]
        put(0x30, 8)
        // A length of 258 is code 285, eight bits; distance 1 is five zeros.
        for _ in 0..<((count - 1) / 258) {
            put(0b1100_0101, 8)
            put(0, 5)
        }
        for _ in 0..<((count - 1) % 258) { put(0x30, 8) }
        put(0, 7)
        let packed = stride(from: 0, to: bits.count, by: 8).map { start in
            bits[start..<min(start + 8, bits.count)].enumerated().reduce(UInt8(0)) { byte, bit in
                bit.element ? byte | 1 << UInt8(bit.offset) : byte
            }
        }
        // Adler-32 of zeros: the first half stays 1, the second counts them.
        let sum = UInt32(count % 65_521) << 16 | 1
        return [0x78, 0x01] + packed
            + stride(from: 24, through: 0, by: -8).map { UInt8(truncatingIfNeeded: sum >> UInt32($0)) }
    }
}
