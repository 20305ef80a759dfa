internal import Domain
internal import HTTPTypes

enum HatchFarmProblem {
    /// A refusal in HatchFarm's words (CONTRACT 2).
    static func problem(_ refusal: Refusal) -> Problem {
        switch refusal {
        case .invalid(let field, let message): .invalid(field, message)
        case .notFound(let what): .notFound(what)
        case .notYours(let what): .forbidden("that \(what) is another owner's")
        case .membersOnly:
            .forbidden(
                "only members may do this, and this owner is none; register an agent and use its key",
                code: "members_only")
        case .leaseLost: .forbidden("the claim token is not the current one", code: "lease_lost")
        case .jobEnded(_, let state):
            Problem(.conflict, "job_ended", "the job is \(state.rawValue); that is final")
        case .wrongState(let message): Problem(.conflict, "wrong_state", message)
        case .taken(let field): Problem(.conflict, "taken", "this \(field) is taken", field: field)
        case .insufficientFunds(let asset, let needed, let available):
            .insufficientFunds(asset, needed: needed, available: available)
        case .keyReused:
            Problem(
                .unprocessableContent, "idempotency_key_reused",
                "this Idempotency-Key came with another body before; use a new key", field: "Idempotency-Key")
        case .quota(let what, let seconds):
            Problem(
                .tooManyRequests, "quota_exceeded", "too many \(what)", headers: [.retryAfter: String(seconds)])
        case .uploadStands(let offset):
            Problem(
                .conflict, "upload_offset", "the upload stands at \(offset) bytes; go on from there",
                headers: [.uploadOffset: String(offset)])
        case .invalidHeartbeatAuth: .unauthorized("invalid heartbeat auth", code: "invalid_heartbeat_auth")
        case .clockSkew(let milliseconds): .unauthorized(skew(milliseconds), code: "clock_skew")
        case .nonceSeen: .unauthorized("this nonce was used before", code: "nonce_seen")
        case .noConsent:
            .forbidden("there is no unrevoked consent of this worker to this policy", code: "no_consent")
        case .credentialEnded: .unauthorized("missing or invalid credentials")
        case .badSignature: .unauthorized("the signature does not hold", code: "bad_signature")
        }
    }

    private static func skew(_ milliseconds: Int64) -> String {
        "the timestamp is \(milliseconds.magnitude) ms \(milliseconds < 0 ? "behind" : "ahead of") our clock"
    }
}
