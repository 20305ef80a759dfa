internal import Bytes

/// A JSON Web Token taken apart, before anything of it is believed (RFC 7515, compact form).
struct CompactToken {
    let text: String
    /// Strict JSON objects.
    let header: JSON
    let payload: JSON

    /// Whether a credential is of that form: three parts of base64url, none empty. Says nothing about what is in them.
    static func isOne(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), maxSplits: 3, omittingEmptySubsequences: false)
        return parts.count == 3
            && parts.allSatisfy { part in
                !part.isEmpty
                    && part.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
    }

    /// nil for anything but three parts of exact base64url, the first two strict JSON objects. An `alg` of `none` has
    /// an empty third part, so that it is nil too; extensions that the header calls critical are none of ours.
    init?(_ text: String) {
        guard text.utf8.count <= 16_384, Self.isOne(text) else { return nil }
        let parts = text.split(separator: ".").map { Base64.decodeURL(String($0)) }
        guard parts.count == 3, let header = parts[0], let payload = parts[1], parts[2] != nil,
            let header = try? JSON(parsing: header), header.members != nil, header["crit"] == nil,
            let payload = try? JSON(parsing: payload), payload.members != nil
        else { return nil }
        self.text = text
        self.header = header
        self.payload = payload
    }

    var algorithm: String? { header["alg"]?.string }
    /// nil when there is none, or it is no string.
    var keyID: String? { header["kid"]?.string }

    /// Whether `typ` is absent, as it may be, or the one of a JWT.
    var isTyped: Bool {
        guard let type = header["typ"] else { return true }
        return type.string?.lowercased() == "jwt"
    }
}
