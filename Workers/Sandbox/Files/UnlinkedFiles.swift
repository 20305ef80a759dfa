internal import Glibc

/// Unlinked files: they take up space as long as a process holds them open or mapped. They are looked for in `/proc`,
/// where a job decides how much there is to read: so each look is bounded, and the next one goes on where it ended.
struct UnlinkedFiles: Sendable {
    private let device: dev_t
    /// The processes that this pass has yet to look at.
    private var pending: [pid_t] = []
    private var seen: Set<ino_t> = []
    private var bytes: Int64 = 0
    /// What the last whole pass has found.
    private var found: Int64 = 0

    /// Descriptors and mappings of a look; that of one process is never broken off.
    static let budget = 20_000

    /// Those on the file system of `path`.
    init?(on path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = status.st_dev
    }

    /// Looks at some more of them; begins again with these processes once it has been through.
    /// - Returns: the bytes that this pass or the last one has found, whichever are more.
    mutating func look(at processes: [pid_t], budget: Int = budget) -> Int64 {
        if pending.isEmpty { (pending, seen, bytes) = (processes, [], 0) }
        var spent = 0
        while spent < budget, let process = pending.popLast() { spent += add(process) }
        if pending.isEmpty { found = bytes }
        return max(found, bytes)
    }

    /// - Returns: how many descriptors and mappings it has.
    private mutating func add(_ process: pid_t) -> Int {
        let names = fileNames(in: "/proc/\(process)/fd")
        for name in names {
            guard let file = file(at: "/proc/\(process)/fd/\(name)"), seen.insert(file.inode).inserted else { continue }
            bytes &+= file.bytes
        }
        let (lines, mappings) = unlinkedMappings(of: process)
        for mapping in mappings where !seen.contains(mapping.inode) {
            // Only privileged processes see its size on disk; for others the whole mapping counts.
            let file = file(at: "/proc/\(process)/map_files/\(mapping.range)")
            if let file { seen.insert(file.inode) }
            bytes &+= file?.bytes ?? mapping.bytes
        }
        return 1 + names.count + lines
    }

    private func file(at path: String) -> (inode: ino_t, bytes: Int64)? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_nlink == 0,
            status.st_dev == device
        else { return nil }
        return (status.st_ino, Int64(status.st_blocks) * 512)
    }

    private struct Mapping {
        let range: Substring
        let inode: ino_t
        let bytes: Int64
    }

    /// Parses lines `start-end permissions offset major:minor inode path (deleted)`.
    private func unlinkedMappings(of process: pid_t) -> (lines: Int, [Mapping]) {
        let lines = (ControlFile.read("/proc/\(process)/maps") ?? "").split(separator: "\n")
        let mappings = lines.compactMap { line -> Mapping? in
            guard line.hasSuffix(" (deleted)") else { return nil }
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard words.count == 6, isOnDevice(words[3]), let inode = ino_t(words[4]) else { return nil }
            let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, ends[1] > ends[0] else { return nil }
            return Mapping(range: words[0], inode: inode, bytes: Int64(clamping: ends[1] - ends[0]))
        }
        return (lines.count, mappings)
    }

    private func isOnDevice(_ word: Substring) -> Bool {
        let parts = word.split(separator: ":").compactMap { UInt64($0, radix: 16) }
        // As by `gnu_dev_major` and `gnu_dev_minor`.
        let number = UInt64(device)
        let major = (number >> 8) & 0xFFF | (number >> 32) & ~0xFFF
        let minor = number & 0xFF | (number >> 12) & ~0xFF
        return parts == [major, minor]
    }
}
