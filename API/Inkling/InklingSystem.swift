internal import Domain
internal import HTTPTypes

extension APISystem {
    /// What small companion devices call (CONTRACT 8).
    package static let inkling = APISystem(
        name: "Inkling", envelope: InklingEnvelope.envelope, bases: ["/api"],
        owns: ["/oracle", "/plant", "/fish", "/telegram", "/postcard", "/baptism", "/lineage", "/admin"],
        unauthorized: "Missing or invalid credentials", overrides: inklingOverrides,
        routes: OracleCalls.routes + Dreams.routes + Telegrams.routes + Postcards.routes + Baptisms.routes
            + Lineage.routes + InklingAdministration.routes)

    /// Its WebSocket.
    package static let inklingSocket = APISystem(
        name: "Inkling socket", envelope: InklingEnvelope.envelope, bases: ["/ws"], owns: ["/inkling"],
        unauthorized: "Missing or invalid credentials", overrides: inklingOverrides, routes: InklingSocket.routes)

    private static func inklingOverrides(_ refusal: Refusal) -> Problem? {
        switch refusal {
        case .badSignature: .unauthorized("Invalid signature", code: "invalid_signature")
        case .clockSkew: .unauthorized("The signature is too old, or the clock is wrong", code: "signature_expired")
        case .nonceSeen: .unauthorized("This signed message was already accepted", code: "replayed")
        case .nonceInvalid: .unauthorized("Invalid or expired nonce", code: "invalid_nonce")
        case .banned: .forbidden("Device is banned", code: "device_banned")
        case .notVerified(let what): .forbidden("Only verified devices can \(what)", code: "not_verified")
        case .notFound("device"): Problem(.notFound, "device_not_found", "Device not found")
        case .limitReached(let standing):
            Problem(.tooManyRequests, "rate_limited", "Rate limit exceeded: \(standing.limit) a day")
        default: nil
        }
    }
}
