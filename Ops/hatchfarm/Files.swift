internal import Glibc

/// Reads and replaces small files.
enum Files {
    /// Throws `.invalid` when it can't be read or is larger than `limit` bytes. `-` is standard input.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        guard !isDirectory(path) else { throw .invalid("cannot read \(path): it is a directory") }
        let file = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .invalid("cannot read \(path): \(reason(errno))") }
        defer { Glibc.close(file) }
        var bytes: [UInt8] = []
        while true {
            var count = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, filled in
                repeat { count = Glibc.read(file, buffer.baseAddress, buffer.count) } while count < 0 && errno == EINTR
                filled = max(0, count)
            }
            // Else what is there so far would pass for the whole.
            guard count >= 0 else { throw .invalid("cannot read \(path): \(reason(errno))") }
            if chunk.isEmpty { break }
            bytes += chunk
            guard bytes.count <= limit else { throw .invalid("\(path) is larger than \(Text.size(limit))") }
        }
        return bytes
    }

    /// nil if the file doesn't exist or can't be read.
    static func readIfExists(_ path: String) -> [UInt8]? {
        exists(path) ? try? read(path, limit: 1 << 20) : nil
    }

    /// Replaces the file when all of it is on the disk; readable only by this user if `isPrivate`. Throws `.unwritable`
    /// when the disk is full or broken, `.misconfigured` when the path is not one to write to.
    static func write(_ bytes: [UInt8], to path: String, isPrivate: Bool = false) throws(Failure) {
        guard let problem = FileReplacement(path, mode: isPrivate ? 0o600 : 0o644).write(bytes) else { return }
        let text = "cannot write \(path): \(reason(problem))"
        switch problem {
        case ENOSPC, EDQUOT, EFBIG, EIO: throw .unwritable(text)
        default: throw .misconfigured(text)
        }
    }

    /// Returns the error's number, or nil when all of them are written.
    static func writeAll(_ bytes: some Collection<UInt8>, to file: Int32) -> Int32? {
        bytes.withContiguousStorageIfAvailable { writeAll(UnsafeRawBufferPointer($0), to: file) }
            ?? Array(bytes).withUnsafeBytes { writeAll($0, to: file) }
    }

    private static func writeAll(_ bytes: UnsafeRawBufferPointer, to file: Int32) -> Int32? {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(file, rest.baseAddress, rest.count)
            if count > 0 {
                rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
            } else if count < 0, errno == EAGAIN {
                // Somebody else made the terminal or pipe that we share non-blocking.
                var wait = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, 1_000)
            } else if count == 0 || errno != EINTR {
                return count == 0 ? EIO : errno
            }
        }
        return nil
    }

    /// With all its parents.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(Failure) {
        guard !path.isEmpty, !isDirectory(path) else { return }
        if let slash = path.dropLast().lastIndex(of: "/"), slash != path.startIndex {
            try makeFolder(String(path[..<slash]), mode: mode)
        }
        guard mkdir(path, mode) == 0 || errno == EEXIST && isDirectory(path) else {
            throw .misconfigured("cannot create the folder \(path): \(reason(errno))")
        }
    }

    static func requireWritable(_ folder: String) throws(Failure) {
        guard access(folder, W_OK | X_OK) == 0 else {
            throw .misconfigured("cannot write to \(folder): \(reason(errno))")
        }
    }

    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func remove(_ path: String) { unlink(path) }

    static func isDirectory(_ path: String) -> Bool {
        // A path with a trailing slash can only be a folder.
        !path.isEmpty && access("\(path)/", F_OK) == 0
    }

    /// The part after the last slash.
    static func name(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// The folder of a file: what is before the last slash.
    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// Absolute, so that it is still valid when printed for another shell.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return "\(String(cString: folder))/\(rest)"
    }

    /// The file that a path leads to, by whatever links and names; the path itself where it leads nowhere yet.
    static func resolved(_ path: String) -> String {
        if let found = realpath(path, nil) {
            defer { free(found) }
            return String(cString: found)
        }
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        guard path.contains("/"), !folder.isEmpty else { return absolute(path) }
        guard let found = realpath(folder, nil) else { return absolute(path) }
        defer { free(found) }
        return "\(String(cString: found))/\(name(path))"
    }

    static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
