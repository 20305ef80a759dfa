internal import Bytes
// As the compiler finds `stat` there when a file of the module imports Foundation.
internal import CoreFoundation
internal import Glibc

/// A file that takes the place of another when all of its bytes are on the disk: whoever opens the path finds the old
/// file or the new one, and a full disk or a death in between leaves the old one.
struct FileReplacement {
    private let path: String
    private let mode: mode_t
    private var old: stat?

    /// - Parameter mode: of the new file, before the umask.
    init(_ path: String, mode: mode_t) {
        self.path = path
        self.mode = mode
    }

    /// With the permissions, and as far as this user may give them away the owners, of the file that is replaced.
    init(_ path: String, keeping old: stat) {
        self.init(path, mode: 0o600)
        self.old = old
    }

    /// Returns the error's number, or nil when the file is in its place.
    func write(_ bytes: [UInt8]) -> Int32? {
        // In the same folder, as a file is renamed within one file system; short, as names have a limit.
        let name = ".hatchfarm-\(Hex.encode(World.live.random(8))).new"
        let temporary = "\(Files.folder(of: path))/\(name)"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode)
        guard file >= 0 else { return errno }
        var problem = Files.writeAll(bytes, to: file)
        if problem == nil, let old {
            // Before the permissions, which a change of owners reduces.
            if old.st_uid != geteuid() || old.st_gid != getegid() { _ = fchown(file, old.st_uid, old.st_gid) }
            if fchmod(file, old.st_mode & 0o777) != 0 { problem = errno }
        }
        // Else a power cut may leave the new name with no bytes.
        if problem == nil, fsync(file) != 0 { problem = errno }
        if Glibc.close(file) != 0 { problem = problem ?? errno }
        if problem == nil, rename(temporary, path) != 0 { problem = errno }
        if problem != nil { unlink(temporary) }
        return problem
    }
}
