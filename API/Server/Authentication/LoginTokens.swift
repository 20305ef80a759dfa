internal import Domain
internal import JWTKit

/// The tokens that a login answers with (CONTRACT 3): they speak for a member for half an hour.
final class LoginTokens: Sendable {
    static let audience = "hatchfarm-api"
    /// Seconds that a token is good for.
    static let lifetime: Int64 = 1_800

    struct Claims: OwnClaims {
        /// The username, or of a member who came from elsewhere, what we call it.
        let sub: String
        var iss = TokenKeys.issuer
        var aud = LoginTokens.audience
        let exp: Int64
        let iat: Int64
        /// Not of tokens that we issue.
        var nbf: Int64?
        var member: String?
        /// `tokens_since` of the login when it was issued, in milliseconds.
        var epoch: Int64?
        /// The OIDC issuer that vouched for the member; nil for a login by password.
        var idp: String?
    }

    private let keys: TokenKeys

    init(_ keys: TokenKeys) { self.keys = keys }

    /// - Parameters:
    ///   - issuer: of the identity that the member signed in with; nil for a password.
    ///   - epoch: the login's or the identity's.
    func issue(_ subject: String, _ member: MemberID, epoch: Int64, issuer: String? = nil) async throws -> String {
        let now = keys.seconds
        return try await keys.sign(
            Claims(
                sub: subject, exp: now + Self.lifetime, iat: now, member: member.text, epoch: epoch, idp: issuer))
    }

    func verify(_ token: String) async -> Claims? {
        let claims = await keys.verify(token, as: Claims.self, audience: Self.audience, lifetime: Self.lifetime)
        guard let claims, claims.nbf.map({ $0 <= keys.seconds + TokenKeys.skew }) ?? true else { return nil }
        return claims
    }

    /// Whether a token that was good still is, by its own time.
    func isAlive(_ claims: Claims) -> Bool { keys.seconds < claims.exp }
}

extension LoginTokens.Claims {
    /// The epochs of its login in which the token counts: the one it was issued in, or without that every one that had
    /// begun when it was issued.
    var epochs: ClosedRange<Int64> {
        if let epoch { return epoch...epoch }
        // Verified: not after now.
        return .min...(iat &* 1_000)
    }
}
