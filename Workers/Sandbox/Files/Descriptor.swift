internal import Glibc

/// An open file, closed by deinit. Never inherited by a job.
struct Descriptor: ~Copyable {
    let raw: CInt

    /// `flags` in addition to `O_CLOEXEC` and `O_NOFOLLOW`; `path` is relative to `folder`.
    init(
        _ path: String, in folder: borrowing Descriptor, _ flags: CInt, mode: mode_t = 0o600
    ) throws(FileProblem) {
        let opened = openat(folder.raw, path, flags | O_CLOEXEC | O_NOFOLLOW, mode)
        guard opened >= 0 else { throw Self.problem(path) }
        raw = opened
    }

    init(_ path: String, _ flags: CInt, mode: mode_t = 0o600) throws(FileProblem) {
        let opened = open(path, flags | O_CLOEXEC | O_NOFOLLOW, mode)
        guard opened >= 0 else { throw Self.problem(path) }
        raw = opened
    }

    init(taking raw: CInt) {
        self.raw = raw
    }

    deinit {
        close(raw)
    }

    private static func problem(_ path: String) -> FileProblem {
        switch errno {
        case ENOENT: .missing
        // Caused by `O_NOFOLLOW` and `O_DIRECTORY` for links, and by `O_NONBLOCK` for pipes and sockets.
        case ELOOP, ENOTDIR, ENXIO: .notARegularFile
        case ENAMETOOLONG: .invalidPath
        default: .last("open")
        }
    }

    func status() throws(FileProblem) -> stat {
        var status = stat()
        guard fstat(raw, &status) == 0 else { throw .last("stat") }
        return status
    }

    func write(_ bytes: [UInt8]) throws(FileProblem) {
        var offset = 0
        while offset < bytes.count {
            let written = bytes[offset...].withUnsafeBytes { Glibc.write(raw, $0.baseAddress, $0.count) }
            if written < 0, errno == EINTR { continue }
            guard written > 0 else { throw .last("write") }
            offset += written
        }
    }

    /// Reads the whole file; throws `tooLarge` once it exceeds `limit`.
    func read(limit: Int) throws(FileProblem) -> [UInt8] {
        var bytes: [UInt8] = []
        let size = Int(try status().st_size)
        guard size <= limit else { throw .tooLarge(limit) }
        bytes.reserveCapacity(size)
        var piece = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(raw, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .last("read") }
            guard count > 0 else { return bytes }
            bytes.append(contentsOf: piece.prefix(count))
            guard bytes.count <= limit else { throw .tooLarge(limit) }
        }
    }
}
