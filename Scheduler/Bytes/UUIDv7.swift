internal import Synchronization

/// Ids that sort by the time they were made (RFC 9562).
package enum UUIDv7 {
    /// 36 characters, lower case. `milliseconds` since 1970; the low 48 bits count. Of ten random bytes; those missing
    /// count as zero.
    package static func text(milliseconds: Int64, random: [UInt8]) -> String {
        let high = random.prefix(2).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        let low = random.dropFirst(2).prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
        return text(milliseconds, high, low)
    }

    /// The same, of this world's clock and chance.
    package static func text(in world: World) -> String {
        text(milliseconds: world.now(), random: world.random(10))
    }

    /// Whether the text is a UUID of any version, in either case.
    package static func isUUID(_ text: String) -> Bool {
        guard text.utf8.count == 36 else { return false }
        return text.utf8.enumerated().allSatisfy { index, byte in
            hyphens.contains(index) ? byte == UInt8(ascii: "-") : Hex.value(of: byte) != nil
        }
    }

    private static let hyphens = [8, 13, 18, 23]

    fileprivate static func text(_ milliseconds: Int64, _ high: UInt64, _ low: UInt64) -> String {
        let first = UInt64(bitPattern: milliseconds) << 16 | 0x7000 | high & 0x0FFF
        let second = 0x8000_0000_0000_0000 | low & 0x3FFF_FFFF_FFFF_FFFF
        var digits: [UInt8] = []
        digits.reserveCapacity(36)
        for half in [first, second] {
            for shift in stride(from: 56 as UInt64, through: 0, by: -8) {
                Hex.append(UInt8(truncatingIfNeeded: half >> shift), to: &digits)
                if hyphens.contains(digits.count) { digits.append(UInt8(ascii: "-")) }
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }
}

/// Ids in the order in which they are made, also within a millisecond: the twelve bits beside the version count, and 62
/// bits are chance (RFC 9562, 6.2, method 1).
///
/// After 4,096 ids in one millisecond, and when the clock went back by less than ten seconds, their time goes on from
/// that of the last one. A clock that went back further was wrong before: the order begins anew.
package final class UUIDSequence: Sendable {
    /// Of the last id: its time in milliseconds since 1970, then its count in twelve bits.
    private let last = Atomic<UInt64>(0)

    package init() {}

    /// 36 characters, lower case. `milliseconds` since 1970, from 0 to 2^48 - 1; one beyond them counts as the nearest.
    package func next(milliseconds: Int64, using generator: inout some RandomNumberGenerator) -> String {
        let place = place(milliseconds)
        return UUIDv7.text(Int64(place >> 12), place & 0x0FFF, generator.next())
    }

    private func place(_ milliseconds: Int64) -> UInt64 {
        let earliest = min(UInt64(clamping: milliseconds), 0xFFFF_FFFF_FFFF) << 12
        var seen = last.load(ordering: .relaxed)
        while true {
            let isAstray = seen > earliest && seen - earliest > 10_000 << 12
            let next = isAstray ? earliest : max(seen &+ 1, earliest)
            let (isMine, found) = last.weakCompareExchange(expected: seen, desired: next, ordering: .relaxed)
            if isMine { return next }
            seen = found
        }
    }
}
