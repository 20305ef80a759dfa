internal import Bytes
internal import Domain
internal import JWTKit

/// The tokens of customers, which another system issues (CONTRACT 6): HS256 and nothing else.
final class CustomerTokens: Sendable {
    /// What a good token says.
    struct Claims: Sendable {
        let customer: CustomerID
        let role: String?
        /// Milliseconds since 1970.
        let expiresAt: Int64
    }

    /// The signature is all that JWTKit checks: the claims are read from the token as it came, strictly.
    private struct Signed: JWTPayload {
        func verify(using algorithm: some JWTAlgorithm) throws {}
    }

    private static let audience = "authenticated"
    /// How far another server's clock may be ahead of ours, in milliseconds.
    private static let skew: Int64 = 60_000

    private let keys: Task<JWTKeyCollection, Never>?
    private let now: @Sendable () -> Int64

    /// - Parameters:
    ///   - secret: nil takes no token.
    ///   - now: milliseconds since 1970.
    init(_ secret: [UInt8]?, now: @escaping @Sendable () -> Int64) {
        keys = secret.map { secret in
            Task { await JWTKeyCollection().add(hmac: HMACKey(from: secret), digestAlgorithm: .sha256) }
        }
        self.now = now
    }

    /// nil for what isn't a customer's token, or not any more.
    func verify(_ text: String) async -> Claims? {
        guard let keys, let token = CompactToken(text), token.algorithm == "HS256", token.isTyped,
            // What fails is not signed by this secret.
            (try? await keys.value.verify(text, as: Signed.self)) != nil
        else { return nil }
        let payload = token.payload
        let audiences = payload["aud"]?.array?.map(\.string) ?? [payload["aud"]?.string]
        guard audiences.contains(Self.audience), let expiry = Self.milliseconds(payload["exp"]), now() < expiry else {
            return nil
        }
        if let notBefore = payload["nbf"] {
            guard let start = Self.milliseconds(notBefore), start <= now() + Self.skew else { return nil }
        }
        guard let customer = (payload["customer_id"] ?? payload["sub"])?.string, OwnerID.isValid(customer) else {
            return nil
        }
        return Claims(customer: CustomerID(customer), role: payload["role"]?.string, expiresAt: expiry)
    }

    /// Of seconds, which may have a fraction (RFC 7519).
    private static func milliseconds(_ json: JSON?) -> Int64? {
        guard let seconds = json?.double, (0...1e11).contains(seconds) else { return nil }
        return Int64(seconds * 1_000)
    }
}
