internal import Glibc

/// Counts what lies below a folder while its owner goes on changing it: bytes on disk and names, in pieces, so that
/// nobody waits long. Links aren't followed, and nothing is opened but folders.
struct FolderUsage: ~Copyable {
    private(set) var bytes: Int64 = 0
    private(set) var files = 0
    private(set) var isTooDeep = false
    /// The folders from the top to where it reads now, each half read.
    private var open: [OpaquePointer] = []

    /// A folder deeper than that is nobody's work; each level costs a descriptor.
    static let deepest = 64

    init(of path: String) throws(FileProblem) {
        let folder = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        enter(fcntl(folder.raw, F_DUPFD_CLOEXEC, 0))
    }

    deinit {
        for stream in open { closedir(stream) }
    }

    /// Reads up to `count` more entries.
    /// - Returns: whether there is more to read.
    mutating func read(_ count: Int) -> Bool {
        for _ in 0..<count {
            guard let stream = open.last else { return false }
            guard let entry = readdir(stream) else {
                closedir(stream)
                open.removeLast()
                continue
            }
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                bytes.prefix { $0 != 0 }.map { CChar(bitPattern: $0) } + [0]
            }
            if name == [46, 0] || name == [46, 46, 0] { continue }
            add(name, in: dirfd(stream))
        }
        return !open.isEmpty
    }

    private mutating func add(_ name: [CChar], in folder: CInt) {
        var status = stat()
        // Gone meanwhile.
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        files += 1
        // A file by two names counts twice: it can't be counted less than it takes.
        bytes &+= Int64(status.st_blocks) * 512
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        guard open.count < Self.deepest else {
            isTooDeep = true
            return
        }
        enter(openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK))
    }

    private mutating func enter(_ raw: CInt) {
        guard raw >= 0 else { return }
        guard let stream = fdopendir(raw) else {
            close(raw)
            return
        }
        open.append(stream)
    }
}
