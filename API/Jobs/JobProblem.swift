internal import Domain
internal import HTTPTypes

enum JobProblem {
    /// A refusal in the words of `/api/v1/jobs*`.
    static func problem(_ refusal: Refusal) -> Problem {
        switch refusal {
        case .invalid(let field, let message):
            Problem(.unprocessableContent, "validation_error", message, field: field)
        case .notFound(let what): .notFound(what)
        case .notYours(let what): .notFound(what)
        case .membersOnly: .forbidden("only members may do this", code: "members_only")
        case .leaseLost: .forbidden("the claim token is not the current one", code: "lease_lost")
        case .jobEnded(_, let state):
            Problem(.conflict, "job_ended", "the job is \(state.rawValue); that is final")
        case .wrongState(let message): Problem(.conflict, "wrong_state", message)
        case .taken(let field): Problem(.conflict, "taken", "\(field) is taken", field: field)
        case .insufficientFunds(let asset, let needed, let available):
            .insufficientFunds(asset, needed: needed, available: available)
        case .keyReused:
            Problem(
                .unprocessableContent, "idempotency_key_reused",
                "this Idempotency-Key came with another body before; use a new key", field: "Idempotency-Key")
        case .quota(let what, let seconds):
            Problem(
                .tooManyRequests, "quota_exceeded", "too many \(what)",
                headers: [.retryAfter: String(seconds)])
        case .uploadStands(let offset): Problem(.conflict, "upload_offset", "the upload stands at \(offset) bytes")
        case .invalidHeartbeatAuth, .clockSkew, .nonceSeen, .credentialEnded, .badSignature:
            .unauthorized("Could not validate credentials")
        case .noConsent: .forbidden("no consent", code: "no_consent")
        }
    }
}
