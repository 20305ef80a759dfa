import Glibc

/// A device file of a test's own, with a driver that every kernel has: what a GPU's looks like to who only passes it
/// on.
package enum FakeDevice {
    /// The minor number of what has 1 as its major one.
    package enum Driver: UInt, Sendable {
        /// Reads as nothing.
        case null = 3
        /// Reads as zeros for ever.
        case zero = 5
        case urandom = 9
    }

    /// Whether this process may make such files, and open them where it makes them.
    package static let isPermitted: Bool = {
        guard geteuid() == 0, let path = try? make(.zero) else { return false }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return false }
        close(file)
        return true
    }()

    /// Returns its path. Removed with the other scratch files.
    package static func make(_ driver: Driver, mode: UInt32 = 0o666, group: UInt32 = 0) throws -> String {
        let path = Scratch.path("\(driver)")
        // Whatever the umask.
        guard mknod(path, S_IFCHR | 0o600, 1 << 8 | driver.rawValue) == 0, chown(path, 0, group) == 0,
            chmod(path, mode) == 0
        else { throw ToolFailure("can't make \(path): error \(errno)") }
        return path
    }
}
