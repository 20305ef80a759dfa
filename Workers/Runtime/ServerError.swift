/// Why a call to the server failed. A 4xx or a 503 guarantees that nothing happened (CONTRACT 2).
package enum ServerError: Error, Sendable, Equatable {
    /// The lease is no longer ours: stop the job.
    case lost
    /// The job has already ended; the call came too late.
    case ended
    /// The machine's credentials were rejected.
    case unauthorized(String)
    /// Too many calls, or a dependency of the server is down. Retry after `retryAfterMilliseconds` if given.
    case overloaded(retryAfterMilliseconds: Int64?)
    /// No answer, an incomplete one, or a gateway's: the call may have taken effect or not.
    case unreachable(String)
    /// The call is invalid; repeating it is useless.
    case refused(status: Int, message: String)

    /// Whether the same call may succeed later.
    package var isTransient: Bool {
        switch self {
        case .overloaded, .unreachable: true
        case .lost, .ended, .unauthorized, .refused: false
        }
    }

    var isUnauthorized: Bool {
        if case .unauthorized = self { true } else { false }
    }

    package var message: String {
        switch self {
        case .lost: "the lease was lost"
        case .ended: "the job has ended"
        case .unauthorized(let message): message
        case .overloaded: "the server is busy"
        case .unreachable(let message): message
        case .refused(let status, let message): "\(message) (\(status))"
        }
    }
}
