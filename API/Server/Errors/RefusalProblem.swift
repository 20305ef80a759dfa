internal import Domain
internal import HTTPTypes

extension Problem {
    /// A refusal in the server's own words: every case has some. A system that says a few of them otherwise has a short
    /// list of overrides (`APISystem.overrides`).
    init(_ refusal: Refusal) {
        self =
            switch refusal {
            case .invalid(let field, let message): .invalid(field, message)
            case .notFound(let what): .notFound(what)
            case .notYours(let what): .forbidden("this \(what) belongs to another owner")
            case .notAllowed(let message): .forbidden(message)
            case .membersOnly:
                .forbidden(
                    "only registered members may do this: register an agent and use its key", code: "members_only")
            case .leaseLost: .forbidden("the claim token is not the current one", code: "lease_lost")
            case .jobEnded(_, let state): Problem(.conflict, "job_ended", "the job is already \(state.rawValue)")
            case .wrongState(let message): Problem(.conflict, "wrong_state", message)
            case .taken(let field): Problem(.conflict, "taken", "this \(field) is already taken", field: field)
            case .insufficientFunds(let asset, let needed, let available):
                .insufficientFunds(asset, needed: needed, available: available)
            case .keyReused:
                Problem(
                    .unprocessableContent, "idempotency_key_reused",
                    "this Idempotency-Key was already used with a different body; use a new key",
                    field: "Idempotency-Key")
            case .quota(let what, let seconds):
                Problem(
                    .tooManyRequests, "quota_exceeded", "too many \(what)", headers: [.retryAfter: String(seconds)])
            case .noRoom(let message): Problem(.contentTooLarge, "no_room", message)
            case .limitReached(let standing):
                // The dispatcher adds the headers that tell when.
                Problem(.tooManyRequests, "rate_limited", "the limit of \(standing.limit) a day is reached")
            case .uploadStands(let offset):
                Problem(
                    .conflict, "upload_offset", "the upload has \(offset) bytes so far; continue from there",
                    headers: [.uploadOffset: String(offset)])
            case .invalidHeartbeatAuth: .unauthorized("invalid heartbeat auth", code: "invalid_heartbeat_auth")
            case .clockSkew(let milliseconds): .unauthorized(Self.skew(milliseconds), code: "clock_skew")
            case .nonceSeen: .unauthorized("this nonce was already used", code: "nonce_seen")
            case .noConsent:
                .forbidden("this worker has no active consent to this policy", code: "no_consent")
            case .credentialEnded: .unauthorized("missing or invalid credentials")
            case .badSignature: .unauthorized("invalid signature", code: "bad_signature")
            case .nonceInvalid: .unauthorized("invalid or expired nonce", code: "invalid_nonce")
            case .banned: .forbidden("the caller is banned", code: "banned")
            case .notVerified(let what): .forbidden("only verified devices can \(what)", code: "not_verified")
            }
    }

    private static func skew(_ milliseconds: Int64) -> String {
        "the timestamp is \(milliseconds.magnitude) ms \(milliseconds < 0 ? "behind" : "ahead of") the server's clock"
    }
}

extension HTTPField.Name {
    static let uploadOffset = ours("Upload-Offset")
}
