internal import Glibc

/// A folder that is written to: is there room, may we, and how long until a byte is safe.
struct FolderCheckup {
    /// `database`, `state`: what the findings are called.
    let name: String
    let path: String
    /// Whether the first start makes it when it isn't there.
    var isMade = false
    /// Bytes below which nothing works for long, and below which somebody should look.
    var least: UInt64 = 256 << 20
    var comfortable: UInt64 = 2 << 30

    func findings() -> [Finding] {
        guard Files.isDirectory(path) else {
            return [
                isMade
                    ? .ok("\(name) folder", "\(path) is not there yet; the first start makes it")
                    : .fail(
                        "\(name) folder", "\(path) is not there", remedy: "make it, and let the service's user own it")
            ]
        }
        guard access(path, W_OK | X_OK) == 0 else {
            return [
                .fail(
                    "\(name) folder", "\(path) can't be written to by this user (uid \(geteuid()))",
                    remedy: "run as the service's user, or: chown that user \(path)")
            ]
        }
        return [space, sync]
    }

    private var space: Finding {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else {
            return .fail("\(name) disk", "\(path) tells no free space", remedy: "is its disk mounted?")
        }
        let (free, isHuge) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
        let text = "\(Text.size(isHuge ? .max : Int(clamping: free))) free for \(path)"
        if isHuge || free >= comfortable { return .ok("\(name) disk", text) }
        let remedy = "make room: df -h \(path)"
        return free < least ? .fail("\(name) disk", text, remedy: remedy) : .warn("\(name) disk", text, remedy: remedy)
    }

    /// Writes a block and waits for the disk, a few times; the one in the middle counts.
    private var sync: Finding {
        let draft = "\(path)/.doctor.\(getpid())"
        let file = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else {
            return .fail("\(name) writes", "cannot make a file in \(path)", remedy: "is it mounted read-only, or full?")
        }
        defer {
            close(file)
            unlink(draft)
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
                return .fail("\(name) writes", "writing to \(path) fails", remedy: "is the disk full, or broken?")
            }
        }
        let (_, attoseconds) = times.sorted()[times.count / 2].components
        let middle = Double(attoseconds) / 1e15
        let text = "a block is on disk after \(Text.fixed(middle, 2)) ms"
        if isMemory {
            return .warn(
                "\(name) writes", "\(path) is in memory: what is acknowledged there is gone after a restart",
                remedy: "choose a folder on a disk, unless this is a trial")
        }
        guard middle > 20 else { return .ok("\(name) writes", text) }
        return .warn("\(name) writes", "\(text), and each commit waits for it", remedy: "use a local SSD")
    }

    /// By the mount that it is on: the one with the longest path above it, of those the last.
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
