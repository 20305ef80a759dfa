internal import Bytes
internal import HTTPTypes
internal import Synchronization

/// Names for calls: the client's own if it is well formed, else one that no other call of this process has.
final class RequestIDs: Sendable {
    private let count = Atomic<UInt64>(0)
    private let seed: UInt64

    init(_ world: World) {
        seed = world.random(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) }
    }

    func id(for head: HTTPRequest) -> String {
        guard let given = head.headerFields.first(where: { $0.name == .requestID })?.value, Self.isWellFormed(given)
        else { return next() }
        return given
    }

    /// 16 hex digits. The mixing is SplitMix64's: one to one, so no two are alike.
    func next() -> String {
        let number = count.wrappingAdd(1, ordering: .relaxed).newValue
        var mixed = seed &+ number &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        mixed ^= mixed >> 31
        return String(unsafeUninitializedCapacity: 16) { digits in
            for index in 0..<16 {
                let digit = UInt8(truncatingIfNeeded: mixed >> (60 - 4 * UInt64(index)) & 15)
                digits[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
            }
            return 16
        }
    }

    /// 1–128 of `[A-Za-z0-9._-]`.
    private static func isWellFormed(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
