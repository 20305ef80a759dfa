internal import Glibc

/// Measures the bytes on disk and the entries below a folder while a job keeps changing it, in steps that don't block
/// for long. Doesn't follow links, and opens only folders.
struct FolderUsage: ~Copyable {
    private(set) var bytes: Int64 = 0
    private(set) var files = 0
    private(set) var isTooDeep = false
    /// The open folders from the top to the current one.
    private var open: [OpaquePointer] = []

    /// Each level costs a descriptor.
    static let maxDepth = 64
    /// `O_NOATIME`, which Swift doesn't see; the same on x86-64 and 64-bit ARM.
    private static let noAccessTime: CInt = 0o1_000_000

    init(of path: String) throws(FileProblem) {
        let folder: Descriptor
        do throws(FileProblem) {
            folder = try Descriptor(path, O_RDONLY | O_DIRECTORY | Self.noAccessTime)
        } catch .system(EPERM, _) {
            folder = try Descriptor(path, O_RDONLY | O_DIRECTORY)
        }
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
        // Removed in the meantime.
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return }
        files += 1
        // A file with two links counts twice: the total is never too low.
        bytes &+= Int64(status.st_blocks) * 512
        guard status.st_mode & S_IFMT == S_IFDIR else { return }
        guard open.count < Self.maxDepth else {
            isTooDeep = true
            return
        }
        // Without a trace in its times, by which a job could tell where the walk is. Refused for others' folders.
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
        let quiet = openat(folder, name, flags | Self.noAccessTime)
        enter(quiet < 0 && errno == EPERM ? openat(folder, name, flags) : quiet)
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
