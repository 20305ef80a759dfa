internal import Glibc

/// Checks a folder that is written to: its permissions, free space, and write latency.
struct FolderCheck {
    /// The prefix of the findings' names: `database`, `state`.
    let name: String
    let path: String
    /// Whether the first start creates it.
    var isCreatedAtStart = false
    /// Free bytes below which the check fails, or warns.
    var failBelow: UInt64 = 256 << 20
    var warnBelow: UInt64 = 2 << 30

    func findings() -> [Finding] {
        guard Files.isDirectory(path) else {
            return [
                isCreatedAtStart
                    ? .ok("\(name) folder", "\(path) does not exist yet; the first start creates it")
                    : .fail(
                        "\(name) folder", "\(path) does not exist", remedy: "create it, owned by the service's user")
            ]
        }
        guard access(path, W_OK | X_OK) == 0 else {
            return [
                .fail(
                    "\(name) folder", "\(path) is not writable by this user (uid \(geteuid()))",
                    remedy: "run as the service's user, or: chown USER \(path)")
            ]
        }
        return [space, sync]
    }

    private var space: Finding {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return .fail(
                "\(name) disk", "cannot determine the free space of \(path)", remedy: "check that its disk is mounted")
        }
        let (free, isHuge) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        let text = "\(Text.size(isHuge ? .max : Int(clamping: free))) free for \(path)"
        if isHuge || free >= warnBelow { return .ok("\(name) disk", text) }
        let remedy = "free up space: df -h \(path)"
        return free < failBelow
            ? .fail("\(name) disk", text, remedy: remedy) : .warn("\(name) disk", text, remedy: remedy)
    }

    /// Measures the median latency of a durable write.
    private var sync: Finding {
        let temporary = "\(path)/.doctor.\(getpid())"
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            return .fail(
                "\(name) writes", "cannot create a file in \(path)",
                remedy: "check whether it is mounted read-only, or full")
        }
        defer {
            close(file)
            unlink(temporary)
        }
        let block = [UInt8](repeating: 1, count: 4_096)
        var times: [Duration] = []
        for _ in 0..<7 {
            var isWritten = false
            times.append(
                ContinuousClock().measure {
                    isWritten = block.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == block.count
                    isWritten = isWritten && fsync(file) == 0
                })
            guard isWritten else {
                return .fail(
                    "\(name) writes", "writing to \(path) failed",
                    remedy: "check whether the disk is full, or defective")
            }
        }
        let (_, attoseconds) = times.sorted()[times.count / 2].components
        let median = Double(attoseconds) / 1e15
        let text = "a durable write takes \(Text.fixed(median, 2)) ms"
        if isMemory {
            return .warn(
                "\(name) writes", "\(path) is in memory: its data is lost at a reboot",
                remedy: "use a folder on a disk, except for testing")
        }
        guard median > 20 else { return .ok("\(name) writes", text) }
        return .warn("\(name) writes", "\(text), which delays every commit", remedy: "use a local SSD")
    }

    /// By the type of its mount: the last one with the longest matching path.
    private var isMemory: Bool {
        let whole = realpath(path, nil).map { found in
            defer { free(found) }
            return String(cString: found)
        }
        let bytes = (try? Files.read("/proc/mounts", limit: 1 << 20)) ?? []
        var best = (length: 0, type: "")
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count > 2 else { continue }
            let point = String(words[1])
            let isAbove = point == "/" || whole == point || (whole ?? path).hasPrefix(point + "/")
            if isAbove, point.utf8.count >= best.length { best = (point.utf8.count, String(words[2])) }
        }
        return ["tmpfs", "ramfs"].contains(best.type)
    }
}
