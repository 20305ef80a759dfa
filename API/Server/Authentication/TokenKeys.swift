internal import Bytes
internal import Domain
internal import JWTKit

/// What every token of ours states, whatever it is for.
protocol OwnClaims: JWTPayload {
    var iss: String { get }
    var aud: String { get }
    /// Seconds since 1970.
    var exp: Int64 { get }
    var iat: Int64 { get }
}

extension OwnClaims {
    /// The signature is all that JWTKit checks; the claims are `TokenKeys`' own matter, which has the world's clock.
    func verify(using algorithm: some JWTAlgorithm) throws {}
}

/// Signs and verifies the server's own tokens: HS256 and nothing else, issuer `hatchfarm` (CONTRACT 3).
///
/// Two secrets count, so that one can be changed without ending every login: tokens are signed with the first and
/// verified with either.
final class TokenKeys: Sendable {
    static let issuer = "hatchfarm"
    private static let algorithm = "HS256"
    /// How far another server's clock may be ahead of ours, in seconds.
    static let skew: Int64 = 60

    private let keys: [(id: String, collection: Task<JWTKeyCollection, Never>)]
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - secrets: of 32 bytes at least, the current one first.
    ///   - now: milliseconds since 1970.
    init(_ secrets: [[UInt8]], now: @escaping @Sendable () -> Int64) {
        // The settings are checked before: no server starts without.
        precondition(!secrets.isEmpty && secrets.allSatisfy { $0.count >= 32 }, "secrets of 32 bytes")
        keys = secrets.map { secret in
            let id = Hex.encode(Array(HMACSHA256.sign(key: secret, message: Array("kid".utf8)).prefix(8)))
            let collection = Task {
                await JWTKeyCollection().add(
                    hmac: HMACKey(from: secret), digestAlgorithm: .sha256, kid: JWKIdentifier(string: id))
            }
            return (id, collection)
        }
        self.now = now
    }

    /// Seconds since 1970.
    var seconds: Int64 { now() / 1_000 }

    func sign(_ claims: some OwnClaims) async throws -> String {
        guard let key = keys.first else { throw InternalError("there is no secret to sign with") }
        return try await key.collection.value.sign(claims, kid: JWKIdentifier(string: key.id))
    }

    /// The claims of a token that is ours, for `audience`, and in its time; else nil.
    /// - Parameter lifetime: seconds, the longest that such a token is issued for.
    func verify<Claims: OwnClaims>(
        _ text: String, as type: Claims.Type, audience: String, lifetime: Int64
    ) async -> Claims? {
        guard let token = CompactToken(text), token.algorithm == Self.algorithm, token.isTyped,
            let claims = await signed(token, as: type), claims.iss == Self.issuer, claims.aud == audience
        else { return nil }
        let now = seconds
        guard claims.iat <= now + Self.skew, claims.iat >= 0, now < claims.exp,
            claims.exp <= now + lifetime + Self.skew,
            claims.exp - claims.iat <= lifetime
        else { return nil }
        return claims
    }

    /// A token that names a key was signed with that one; one that names none, with any.
    private func signed<Claims: OwnClaims>(_ token: CompactToken, as type: Claims.Type) async -> Claims? {
        for key in keys where token.header["kid"] == nil || token.keyID == key.id {
            // What fails is not signed by this key.
            if let claims = try? await key.collection.value.verify(token.text, as: type) { return claims }
        }
        return nil
    }
}
