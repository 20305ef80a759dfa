internal import Glibc

/// Files that hold secrets: only their owner may read them.
package enum PrivateFile {
    /// Whether an open file can be read by nobody but its owner; false when that can't be told.
    package static func isPrivate(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & 0o077 == 0
    }

    /// What to say, and to do, about one that others may read.
    package static func remedy(for path: String) -> String { "\(path) is readable by other users: chmod 600 \(path)" }
}
