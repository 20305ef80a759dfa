internal import Bus
internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

extension Problem {
    /// Any error as what the caller may know of it; nil for one that nobody foresaw.
    static func foreseen(_ error: any Error, in system: APISystem?) -> Problem? {
        switch error {
        case let problem as Problem: problem
        case let refusal as Refusal: system?.overrides(refusal) ?? Problem(refusal)
        case let error as FieldError: of(error, status: system?.invalid ?? .badRequest)
        case let error as JSONError:
            Problem(system?.invalid ?? .badRequest, "malformed_json", error.message)
        case let error as DatabaseError: of(error)
        case RedisError.unavailable: .unavailable("the replay store is unavailable", code: "redis_unavailable")
        case is CancellationError: .unavailable("the server is shutting down", code: "shutting_down")
        case is BodyLost:
            Problem(.badRequest, "broken_body", "the body broke off", headers: [.connection: "close"])
        default: nil
        }
    }

    private static func of(_ error: FieldError, status: HTTPResponse.Status) -> Problem {
        let code =
            switch error.problem {
            case .missing: "missing_field"
            case .unknown: "unknown_field"
            case .wrongType, .outOfRange, .invalid: "invalid_field"
            }
        return Problem(status, code, error.message, field: error.field.isEmpty ? nil : error.field)
    }

    private static func of(_ error: DatabaseError) -> Problem? {
        switch error {
        case .busy: unavailable("the database is busy", code: "database_busy")
        case .unavailable: unavailable("the database is unavailable", code: "database_unavailable")
        case .full: unavailable("the database is full", code: "database_full")
        case .unknownOutcome:
            Problem(
                .gatewayTimeout, "unknown_outcome",
                "the database was lost while it committed: this happened or it did not; repeat the call with the "
                    + "same Idempotency-Key to find out")
        case .invalidText: Problem(.badRequest, "invalid_text", "text may not hold NUL")
        case .conflict, .checkFailed, .failed: nil
        }
    }
}
