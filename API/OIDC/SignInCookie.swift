internal import Bytes
internal import HTTPTypes

/// What a browser carries from the start of a sign-in to its end, signed by us: that the one who comes back is the one
/// who went.
enum SignInCookie {
    static let name = "hatchfarm_oidc"
    static let audience = "hatchfarm-oidc"
    /// Seconds.
    static let lifetime: Int64 = 600

    struct Claims: OwnClaims {
        var iss = TokenKeys.issuer
        var aud = SignInCookie.audience
        let exp: Int64
        let iat: Int64
        /// The name of the issuer.
        let idp: String
        let state: String
        let nonce: String
        /// The secret whose hash the issuer got (RFC 7636).
        let verifier: String

        init(idp: String, now: Int64, world: World) {
            self.idp = idp
            iat = now
            exp = now + SignInCookie.lifetime
            state = Base64.encodeURL(world.random(24))
            nonce = Base64.encodeURL(world.random(24))
            verifier = Base64.encodeURL(world.random(32))
        }
    }

    /// For `Set-Cookie`. Only the issuer's own callback gets it back.
    static func set(_ value: String, for issuer: String, expiresIn seconds: Int64, isSecure: Bool) -> String {
        "\(name)=\(value); Path=/auth/oidc/\(issuer); Max-Age=\(seconds); HttpOnly; SameSite=Lax"
            + (isSecure ? "; Secure" : "")
    }

    /// Its value in a `Cookie` field.
    static func read(_ field: String) -> String? {
        for pair in field.split(separator: ";") {
            let pair = pair.drop { $0 == " " }
            if pair.hasPrefix(name + "=") { return String(pair.dropFirst(name.count + 1)) }
        }
        return nil
    }
}
