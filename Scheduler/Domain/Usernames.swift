/// The names that people sign in with. They are no handles: reserved words are allowed, as authority hangs on a role.
package enum Usernames {
    package static let rule = "username must be 1 to 64 of a–z, 0–9, _ . @ + and -"

    /// Lowercased; nil unless it follows the rule.
    package static func normalised(_ text: String) -> String? {
        guard (1...64).contains(text.utf8.count) else { return nil }
        let isWellFormed = text.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "@"),
                UInt8(ascii: "+"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        return isWellFormed ? text.lowercased() : nil
    }
}
