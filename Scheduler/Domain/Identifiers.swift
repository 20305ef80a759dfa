/// The text that names a thing. Two kinds of identifier don't mix: `Identifier<Job>` is not `Identifier<Machine>`.
package struct Identifier<Of>: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package var description: String { text }

    package static func < (left: Self, right: Self) -> Bool { left.text < right.text }
}

/// Names the spaces that identifiers live in; none has a value.
package enum Named {
    package enum Job {}
    package enum Owner {}
    package enum Member {}
    package enum Machine {}
    package enum Policy {}
    package enum Consent {}
    package enum Withdrawal {}
    package enum Key {}
    package enum Customer {}
    package enum Device {}
    package enum Session {}
    package enum Inkling {}
}

/// A job: UUIDv7 text, so that the order of ids is the order of creation (CONTRACT 4).
package typealias JobID = Identifier<Named.Job>
/// Whoever owns jobs and machines: an `X-Owner-ID`, 1–128 of `[A-Za-z0-9_.:@-]`.
package typealias OwnerID = Identifier<Named.Owner>
package typealias MemberID = Identifier<Named.Member>
/// `wrk_` + 16 hex (CONTRACT 5).
package typealias MachineID = Identifier<Named.Machine>
/// `pol_` + 16 hex.
package typealias PolicyID = Identifier<Named.Policy>
/// `con_` + 16 hex.
package typealias ConsentID = Identifier<Named.Consent>
/// `wdr_` + 16 hex.
package typealias WithdrawalID = Identifier<Named.Withdrawal>
/// An API key's name, not its text: `key_` + 16 hex.
package typealias KeyID = Identifier<Named.Key>

/// Whoever has devices: 1–128 of `[A-Za-z0-9_.:@-]` (CONTRACT 6).
package typealias CustomerID = Identifier<Named.Customer>
/// 1–128 of `[A-Za-z0-9_.:-]` (CONTRACT 6).
package typealias DeviceID = Identifier<Named.Device>
/// UUIDv7 text.
package typealias SessionID = Identifier<Named.Session>

/// A companion device by its public key: 64 hex digits, lower case (CONTRACT 8).
package typealias InklingKey = Identifier<Named.Inkling>

/// A requirement class: the first 63 bits of the SHA-256 of its key.
package struct ClassID: Hashable, Sendable, Comparable {
    package let number: Int64

    package init(_ number: Int64) { self.number = number }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }
}

extension Identifier {
    /// A prefix and 16 hex digits of chance, as `wrk_0123456789abcdef`.
    package static func random(prefix: String, using generator: inout some RandomNumberGenerator) -> Self {
        let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
        return Self(prefix + String(repeating: "0", count: 16 - digits.utf8.count) + digits)
    }
}

extension OwnerID {
    /// Whether `text` may name an owner.
    package static func isValid(_ text: String) -> Bool {
        (1...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "."),
                    UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}
