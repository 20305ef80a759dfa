internal import Glibc

/// Why a file in a job's folder can't be read, written or removed.
package enum FileProblem: Error, Sendable, Equatable {
    case missing
    /// Absolute, outside the folder, too long or too deep.
    case invalidPath
    /// A link, a folder, a pipe, a device, or a file that the job doesn't own.
    case notARegularFile
    /// Bytes allowed.
    case tooLarge(Int)
    case system(code: Int32, action: String)

    package var message: String {
        switch self {
        case .missing: "is missing"
        case .invalidPath: "is not a path inside the work folder"
        case .notARegularFile: "is not a regular file owned by the job"
        case .tooLarge(let limit): "is larger than \(limit) bytes"
        case .system(let code, let action): "\(action): \(String(cString: strerror(code)))"
        }
    }

    /// Whether the machine had too little of something at that moment: disk, memory, descriptors; or its disk fails.
    package var isShortage: Bool {
        guard case .system(let code, _) = self else { return false }
        return [ENOSPC, EDQUOT, EIO, EROFS, EMFILE, ENFILE, ENOMEM, EAGAIN].contains(code)
    }

    /// From the failed call's `errno`; use immediately after the call.
    static func last(_ action: String) -> FileProblem {
        .system(code: errno, action: action)
    }
}
