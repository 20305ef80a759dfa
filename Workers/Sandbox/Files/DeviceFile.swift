internal import Glibc

/// A character device of this machine that jobs may be given, such as a GPU's, as it is when this is made.
package struct DeviceFile: Sendable {
    /// Why jobs can't be given what a path names.
    package enum Problem: Error, Sendable, Equatable {
        /// By its `errno`.
        case notFound(CInt)
        case notADevice
        /// The job's user couldn't open it.
        case notOpenable

        /// To follow the path.
        package var message: String {
            switch self {
            case .notFound(ENOENT): "does not exist"
            case .notFound(let code): "cannot be reached: \(String(cString: strerror(code)))"
            case .notADevice: "is not a character device"
            case .notOpenable: "cannot be opened by jobs"
            }
        }

        /// What its owner can do.
        package var remedy: String {
            switch self {
            case .notFound: "load its driver, or correct the path"
            case .notADevice: "name a device file, such as /dev/nvidia0 or /dev/dri/renderD128"
            case .notOpenable where geteuid() == 0:
                "let everybody read and write it, or a group other than root's (chgrp video, chmod 660)"
            case .notOpenable: "make this user a member of its group, or let everybody read and write it"
            }
        }
    }

    /// The number that the kernel knows the device by, whatever its paths.
    package let number: UInt64
    /// The group that may do more with it than everybody; `nil`: none but root's.
    let group: UInt32?

    /// - Parameter path: as `isPath` allows; may be a link.
    package init(_ path: String) throws(Problem) {
        var status = stat()
        guard stat(path, &status) == 0 else { throw .notFound(errno) }
        guard status.st_mode & S_IFMT == S_IFCHR else { throw .notADevice }
        number = UInt64(status.st_rdev)
        let mode = UInt32(status.st_mode)
        let (ofGroup, ofOthers) = (mode >> 3 & 0o6, mode & 0o6)
        group = status.st_gid != 0 && ofGroup & ~ofOthers != 0 ? status.st_gid : nil
        // Jobs of root's daemon are other users; those of another's are that user, with its groups.
        let ofJobs = group == nil ? ofOthers : ofOthers | ofGroup
        let isOpenable = geteuid() == 0 ? ofJobs & 0o4 != 0 : access(path, R_OK) == 0
        guard isOpenable else { throw .notOpenable }
    }

    /// Whether it is an absolute path that leads through no `.`, no `..` and no empty name, so that it means the same
    /// inside a sandbox.
    package static func isPath(_ path: String) -> Bool {
        path.hasPrefix("/")
            && path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
                .allSatisfy { !["", ".", ".."].contains($0) }
    }

    /// The groups that a user must be in to open all of these; what isn't there needs none.
    static func groups(of paths: [String]) -> [UInt32] {
        Set(paths.compactMap { (try? DeviceFile($0))?.group }).sorted()
    }
}
