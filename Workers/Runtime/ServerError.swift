/// Why a call to the server gave nothing. A 4xx or a 503 promises that nothing happened (CONTRACT 2).
package enum ServerError: Error, Sendable, Equatable {
    /// The job is another's now, or nobody's: stop working on it.
    case lost
    /// The job has ended; this worker's word comes too late.
    case ended
    /// The machine's credentials are not taken.
    case unauthorized(String)
    /// Too much at once, or something the server needs is down. Again after `retryAfterMilliseconds`, if it said so.
    case overloaded(retryAfterMilliseconds: Int64?)
    /// No answer, half an answer, or a gateway's: it may have happened or not.
    case unreachable(String)
    /// The call is wrong, and will be.
    case refused(status: Int, message: String)

    /// Whether the same call may do better later.
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
        case .lost: "the lease is lost"
        case .ended: "the job has ended"
        case .unauthorized(let message): message
        case .overloaded: "the server is busy"
        case .unreachable(let message): message
        case .refused(let status, let message): "\(message) (\(status))"
        }
    }
}
