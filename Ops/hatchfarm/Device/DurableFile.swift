internal import Bytes
internal import Glibc
internal import Runtime

/// Small files that must survive a loss of power, for this user alone.
enum DurableFile {
    /// Replaces the file atomically, with mode 600; on disk when this returns. Throws `.misconfigured`.
    static func replace(_ bytes: [UInt8], at path: String) throws(Failure) {
        let fresh = "\(path).\(Hex.encode(World.live.random(4)))"
        let file = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw problem(path) }
        var isComplete = write(bytes, to: file) && fsync(file) == 0
        var code = errno
        Glibc.close(file)
        if isComplete {
            isComplete = rename(fresh, path) == 0
            code = errno
        }
        guard isComplete else {
            unlink(fresh)
            throw .misconfigured("cannot write \(path): \(Files.reason(code))")
        }
        try sync(folderOf: path)
    }

    /// nil when there is no such file. Throws `.misconfigured` when others may read it, it is larger than a MiB, or it
    /// can't be read.
    static func read(_ path: String) throws(Failure) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw problem(path)
        }
        let isPrivate = PrivateFile.isPrivate(file)
        Glibc.close(file)
        guard isPrivate else { throw .misconfigured(PrivateFile.remedy(for: path)) }
        do {
            return try Files.read(path, limit: 1 << 20)
        } catch {
            throw .misconfigured(error.message)
        }
    }

    private static func write(_ bytes: [UInt8], to file: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written > 0 { rest = rest.dropFirst(written) } else if errno != EINTR { return false }
        }
        return true
    }

    private static func sync(folderOf path: String) throws(Failure) {
        let parent = String(path.dropLast(Files.name(path).count + 1))
        let folder = open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw problem(path) }
        defer { Glibc.close(folder) }
        guard fsync(folder) == 0 else { throw problem(path) }
    }

    /// From the failed call's `errno`; use immediately after the call.
    private static func problem(_ path: String) -> Failure {
        .misconfigured("cannot use \(path): \(Files.reason(errno))")
    }
}
