internal import Glibc
internal import Runtime
internal import Synchronization

/// A file that one process holds at a time. The kernel's lock on it dies with its holder, however that ends; who the
/// holder is, is only for people.
final class ProcessLock: Sendable {
    private let file: Mutex<CInt>

    /// Takes the lock on a file of its own, which is created if needed, and stays.
    /// - Parameter busy: what to tell whom another process keeps out, given what is known of that: `process 4711`.
    /// - Throws: `.misconfigured` when another process has it, or the file can't be made.
    convenience init(making path: String, busy: (String) -> String) throws(Failure) {
        let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw .misconfigured("cannot open \(path): \(Files.reason(errno))") }
        try self.init(file, path, busy)
        let words = Array("\(getpid())\n".utf8)
        ftruncate(file, 0)
        _ = words.withUnsafeBytes { pwrite(file, $0.baseAddress, $0.count, 0) }
    }

    /// Takes the lock on a file that is there, and that need not be writable.
    convenience init(on path: String, busy: (String) -> String) throws(Failure) {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .misconfigured("cannot open \(path): \(Files.reason(errno))") }
        try self.init(file, path, busy)
    }

    private init(_ file: CInt, _ path: String, _ busy: (String) -> String) throws(Failure) {
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let holder =
                (Self.note(in: file) ?? KernelLocks.holder(of: file)).map { "process \($0)" } ?? "another process"
            close(file)
            guard code == EWOULDBLOCK else { throw .misconfigured("cannot lock \(path): \(Files.reason(code))") }
            throw .misconfigured(busy(holder))
        }
        self.file = Mutex(file)
    }

    deinit { release() }

    /// Lets another process have it. A second call does nothing.
    func release() {
        file.withLock { file in
            guard file >= 0 else { return }
            close(file)
            file = -1
        }
    }

    /// The process id that its holder has written in it.
    private static func note(in file: CInt) -> Int32? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = bytes.withUnsafeMutableBytes { pread(file, $0.baseAddress, $0.count, 0) }
        let word = bytes[..<max(0, count)].prefix { $0 != UInt8(ascii: "\n") }
        return Int32(String(decoding: word, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    }
}

extension ProcessLock {
    /// One daemon works with a state folder at a time: two of one machine would take each other's claims. From its
    /// start until it drains; then the next may begin, while its last jobs end.
    static func daemon(in folder: String) throws(Failure) -> ProcessLock {
        try ProcessLock(making: "\(Files.resolved(folder))/daemon.lock") { holder in
            "\(holder) works with the folder \(folder) already: stop it, or lend this machine a second time with a "
                + "folder of its own (--state)"
        }
    }

    /// The same for credentials that are kept elsewhere.
    static func daemon(with credentials: String) throws(Failure) -> ProcessLock {
        try ProcessLock(on: credentials) { holder in
            "\(holder) works with \(credentials) already: stop it, or enroll this machine a second time "
                + "with a folder of "
                + "its own (--state)"
        }
    }

    /// One server has an embedded database at a time: neither of two would hear of what the other makes ready.
    static func server(_ database: String) throws(Failure) -> ProcessLock {
        try ProcessLock(making: "\(Files.resolved(database))-server") { holder in
            "sqlite:\(database) is in use by another server, \(holder): stop it first; several servers can share one "
                + "PostgreSQL (DATABASE_URL)"
        }
    }
}
