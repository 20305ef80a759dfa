internal import Bytes

/// Who somebody is, by an issuer's word (OpenID Connect Core 1.0, 3.1.3.7).
struct IDToken: Sendable {
    let subject: String
    /// What people call them, if the issuer says so.
    let name: String?

    /// How far the issuer's clock may be from ours, in seconds.
    private static let skew = 60.0

    /// - Parameters:
    ///   - payload: of a token whose signature holds.
    ///   - now: seconds since 1970.
    /// Throws `IssuerFault.refused` unless it was made by this issuer, for us, for this sign-in, and for now.
    init(_ payload: JSON, of issuer: OIDCIssuer, nonce: String, now: Double) throws(IssuerFault) {
        func check(_ holds: Bool, _ claim: String) throws(IssuerFault) {
            guard holds else { throw .refused("\(issuer.name): the ID token's \(claim) doesn't hold") }
        }
        try check(payload["iss"]?.string?.isExactly(issuer.url) == true, "iss")
        let audience = payload["aud"]?.string.map { [$0] } ?? payload["aud"]?.array?.compactMap(\.string) ?? []
        try check(audience.contains { $0.isExactly(issuer.clientID) }, "aud")
        if let party = payload["azp"] {
            try check(party.string?.isExactly(issuer.clientID) == true, "azp")
        } else {
            try check(audience.count == 1, "azp")
        }
        try check(payload["exp"]?.double.map { now < $0 + Self.skew } == true, "exp")
        try check(payload["iat"]?.double.map { $0 <= now + Self.skew } == true, "iat")
        if let start = payload["nbf"] { try check(start.double.map { $0 <= now + Self.skew } == true, "nbf") }
        try check(payload["nonce"]?.string.map { constantTimeEqual($0, nonce) } == true, "nonce")
        guard let subject = payload["sub"]?.string, (1...255).contains(subject.utf8.count) else {
            throw .refused("\(issuer.name): the ID token names nobody")
        }
        self.subject = subject
        name = ["name", "preferred_username", "email"].lazy.compactMap { payload[$0]?.string }.first { name in
            (1...128).contains(name.unicodeScalars.count) && !name.allSatisfy(\.isWhitespace)
        }
    }
}
