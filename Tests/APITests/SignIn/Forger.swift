import Bytes
import JWTKit

/// Makes tokens of any sort by hand.
struct Forger {
    static let secret = "a secret of more than the forty-eight bytes that HS384 asks for"
    var key = Array(secret.utf8)
    var header: JSON = ["alg": "HS256", "typ": "JWT"]
    /// Of a token that holds.
    var claims: [JSON.Member]

    init(_ username: String, now: Int64 = World.live.now() / 1_000) {
        claims = [
            .init("sub", .string(username)), .init("iss", "hatchfarm"), .init("aud", "hatchfarm-api"),
            .init("exp", JSON(now + 1_800)), .init("iat", JSON(now)),
        ]
    }

    mutating func set(_ claim: String, _ value: JSON?) {
        claims = claims.filter { $0.key != claim } + (value.map { [.init(claim, $0)] } ?? [])
    }

    /// What is signed.
    var message: String {
        [header, .object(claims)].map { Base64.encodeURL($0.bytes()) }.joined(separator: ".")
    }

    /// HMAC-SHA256, whatever the header says.
    var token: String { sealed(HMACSHA256.sign(key: key, message: Array(message.utf8))) }

    func sealed(_ signature: [UInt8]) -> String { "\(message).\(Base64.encodeURL(signature))" }

    /// HMAC-SHA384.
    func longer() async throws -> String {
        let notify = await JWTKeyCollection().add(hmac: HMACKey(from: key), digestAlgorithm: .sha384)
        return sealed(try await notify.getKey().sign(Array(message.utf8)))
    }
}
