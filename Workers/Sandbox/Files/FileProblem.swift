internal import Glibc

/// Why a file in a job's folder can't be read, written or removed.
package enum FileProblem: Error, Sendable, Equatable {
    case missing
    /// Absolute, leading outside, too long or too deep.
    case invalidPath
    /// A link, a folder, a pipe, a device, or a file that isn't the job's own.
    case notAnOwnFile
    /// Bytes allowed.
    case tooLarge(Int)
    case system(code: Int32, action: String)

    package var message: String {
        switch self {
        case .missing: "is missing"
        case .invalidPath: "is no path inside the work folder"
        case .notAnOwnFile: "is no regular file of the job"
        case .tooLarge(let limit): "is larger than \(limit) bytes"
        case .system(let code, let action): "\(action): \(String(cString: strerror(code)))"
        }
    }

    /// The failed call's `errno`; read at once after the call.
    static func last(_ action: String) -> FileProblem {
        .system(code: errno, action: action)
    }
}
