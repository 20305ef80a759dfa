internal import Glibc

/// Unlinked files: they take up space as long as a process holds them open or mapped.
struct UnlinkedFiles {
    private let device: dev_t

    /// Those on the file system of `path`.
    init?(on path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        device = status.st_dev
    }

    func bytes(heldBy processes: [pid_t]) -> Int64 {
        var seen: Set<ino_t> = []
        var bytes: Int64 = 0
        for process in processes {
            for name in fileNames(in: "/proc/\(process)/fd") {
                guard let file = file(at: "/proc/\(process)/fd/\(name)"), seen.insert(file.inode).inserted else {
                    continue
                }
                bytes &+= file.bytes
            }
            for mapping in unlinkedMappings(of: process) where !seen.contains(mapping.inode) {
                // Only privileged processes see its size on disk; for others the whole mapping counts.
                let file = file(at: "/proc/\(process)/map_files/\(mapping.range)")
                if let file { seen.insert(file.inode) }
                bytes &+= file?.bytes ?? mapping.bytes
            }
        }
        return bytes
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
    private func unlinkedMappings(of process: pid_t) -> [Mapping] {
        (ControlFile.read("/proc/\(process)/maps") ?? "").split(separator: "\n").compactMap { line in
            guard line.hasSuffix(" (deleted)") else { return nil }
            let words = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
            guard words.count == 6, isOnDevice(words[3]), let inode = ino_t(words[4]) else { return nil }
            let ends = words[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            guard ends.count == 2, ends[1] > ends[0] else { return nil }
            return Mapping(range: words[0], inode: inode, bytes: Int64(clamping: ends[1] - ends[0]))
        }
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
