/// Why a command failed. Each case has its own exit code, so that scripts can tell them apart.
enum Failure: Error {
    /// The job, or the command for a device, failed or was cancelled; or the bounty was cancelled.
    case jobFailed(String)
    /// The server did not respond, or is temporarily unavailable. Retrying is safe.
    case unreachable(String)
    /// The credentials are missing or wrong, or the server does not allow this, or not in the current state.
    case refused(String)
    case notFound(String)
    /// The request is invalid.
    case invalid(String)
    /// The response of the server is unexpected.
    case unexpected(String)
    /// Standard output, or a file, can't be written to the end.
    case unwritable(String)
    /// A setting is wrong.
    case misconfigured(String)

    var message: String {
        switch self {
        case .jobFailed(let text), .unreachable(let text), .refused(let text), .notFound(let text),
            .invalid(let text), .unexpected(let text), .unwritable(let text), .misconfigured(let text):
            text
        }
    }

    /// The same with other words.
    func saying(_ text: String) -> Failure {
        switch self {
        case .jobFailed: .jobFailed(text)
        case .unreachable: .unreachable(text)
        case .refused: .refused(text)
        case .notFound: .notFound(text)
        case .invalid: .invalid(text)
        case .unexpected: .unexpected(text)
        case .unwritable: .unwritable(text)
        case .misconfigured: .misconfigured(text)
        }
    }

    var exitCode: Int32 {
        switch self {
        case .jobFailed: 1
        case .unreachable: 3
        case .refused: 4
        case .notFound: 5
        case .invalid: 64
        case .unexpected: 70
        case .unwritable: 74
        case .misconfigured: 78
        }
    }

    /// Shells' exit code for SIGINT.
    static let interrupted: Int32 = 130

    static let exitCodes = """
        EXIT CODES
           0  done; with --watch: the job completed, the bounty is done
           1  the job or command failed or was cancelled; the bounty was cancelled
           3  the server is unreachable or cannot serve just now, or this machine is too busy; trying again is safe
           4  refused: credentials missing or wrong, not allowed, too little money, or not in this state; a dead token
           5  not found
          64  usage: the command or the request is not valid
          70  the server answered something unexpected
          74  standard output or a file cannot be written; what was written is incomplete
          78  configuration: a setting is wrong, or another process has the folder or the database
         130  interrupted
        """
}
