/// An OpenID Connect issuer whose word we take for who somebody is, as the operator set it up.
package struct OIDCIssuer: Sendable {
    /// 1–32 of a–z, 0–9 and -.
    package let name: String
    /// Exactly as the issuer writes itself in its tokens.
    package let url: String
    package let clientID: String
    /// nil for a public client.
    package let clientSecret: String?

    /// nil for a name or an address that can't be one.
    package init?(name: String, url: String, clientID: String, clientSecret: String?) {
        let isName = name.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                || byte == UInt8(ascii: "-")
        }
        guard isName, (1...32).contains(name.utf8.count), Self.isAddress(url), !url.utf8.contains(UInt8(ascii: "?"))
        else { return nil }
        self.name = name
        self.url = url
        self.clientID = clientID
        self.clientSecret = clientSecret
    }

    /// Whether `url` is https, or plain http on this machine, without a user, a fragment, or anything but visible
    /// ASCII.
    package static func isAddress(_ url: String) -> Bool {
        guard url.utf8.count <= 2_048, url.utf8.allSatisfy({ 0x21...0x7E ~= $0 && $0 != UInt8(ascii: "#") }),
            let scheme = url.firstRange(of: "://")
        else { return false }
        let authority = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        guard !authority.isEmpty, !authority.contains("@"), !authority.contains("\\") else { return false }
        switch url[..<scheme.lowerBound] {
        case "https": return true
        case "http": return isLocal(authority)
        default: return false
        }
    }

    private static func isLocal(_ authority: Substring) -> Bool {
        ["127.0.0.1", "localhost", "[::1]"].contains { host in
            authority == host
                || authority.hasPrefix(host + ":") && UInt16(authority.dropFirst(host.count + 1)) != nil
        }
    }
}

/// Why an issuer could not say who somebody is. The texts are for our log.
enum IssuerFault: Error {
    /// It doesn't answer, or not with what the standard asks for.
    case unavailable(String)
    /// It says no, or what it says doesn't hold.
    case refused(String)
}
