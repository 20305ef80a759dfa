internal import Glibc

/// Small files, read whole and replaced whole.
enum Files {
    /// Throws `.invalid` when it can't be read or is larger than `limit` bytes. `-` is standard input.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        guard !isDirectory(path) else { throw .invalid("cannot read \(path): it is a folder") }
        let file = path == "-" ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .invalid("cannot read \(path): \(reason(errno))") }
        defer { Glibc.close(file) }
        var bytes: [UInt8] = []
        while true {
            let chunk = [UInt8](unsafeUninitializedCapacity: 256 << 10) { buffer, filled in
                filled = max(0, Glibc.read(file, buffer.baseAddress, buffer.count))
            }
            if chunk.isEmpty { break }
            bytes += chunk
            guard bytes.count <= limit else { throw .invalid("\(path) is larger than \(Text.size(limit))") }
        }
        return bytes
    }

    /// nil when there is none, or it can't be read.
    static func readIfThere(_ path: String) -> [UInt8]? {
        isThere(path) ? try? read(path, limit: 1 << 20) : nil
    }

    /// Replaces the file in one step; for this user's eyes only when `isPrivate`.
    static func write(_ bytes: [UInt8], to path: String, isPrivate: Bool = false) throws(Failure) {
        let draft = "\(path).\(getpid()).new"
        let file = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, isPrivate ? 0o600 : 0o644)
        guard file >= 0 else { throw .misconfigured("cannot write \(path): \(reason(errno))") }
        var rest = bytes[...]
        var problem: Int32?
        while problem == nil, !rest.isEmpty {
            let written = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            if written > 0 { rest = rest.dropFirst(written) } else if errno != EINTR { problem = errno }
        }
        if Glibc.close(file) != 0 { problem = problem ?? errno }
        if problem == nil, rename(draft, path) != 0 { problem = errno }
        if let problem {
            unlink(draft)
            throw .misconfigured("cannot write \(path): \(reason(problem))")
        }
    }

    /// With all its parents.
    static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(Failure) {
        guard !path.isEmpty, !isDirectory(path) else { return }
        if let slash = path.dropLast().lastIndex(of: "/"), slash != path.startIndex {
            try makeFolder(String(path[..<slash]), mode: mode)
        }
        guard mkdir(path, mode) == 0 || errno == EEXIST && isDirectory(path) else {
            throw .misconfigured("cannot make the folder \(path): \(reason(errno))")
        }
    }

    static func isThere(_ path: String) -> Bool { access(path, F_OK) == 0 }

    static func remove(_ path: String) { unlink(path) }

    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The part after the last slash.
    static func name(_ path: String) -> String {
        path.split(separator: "/").last.map(String.init) ?? path
    }

    /// As seen from the root, so that it still holds when it is printed for another shell.
    static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        let rest = path.hasPrefix("./") ? String(path.dropFirst(2)) : path
        return "\(String(cString: folder))/\(rest)"
    }

    private static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}

/// Numbers for people.
enum Text {
    static func size(_ bytes: Int) -> String {
        let units = ["bytes", "KiB", "MiB", "GiB"]
        var value = Double(bytes)
        var unit = 0
        while value >= 1_024, unit < units.count - 1 {
            value /= 1_024
            unit += 1
        }
        return unit == 0 ? "\(bytes) bytes" : "\(fixed(value, 1)) \(units[unit])"
    }

    /// 12345678 → 12,345,678.
    static func grouped(_ number: Int) -> String {
        let digits = Array(String(number.magnitude))
        var text = number < 0 ? "-" : ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index).isMultiple(of: 3) { text += "," }
            text.append(digit)
        }
        return text
    }

    /// With so many digits after the point (0–6).
    static func fixed(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1
        for _ in 0..<max(0, min(6, digits)) { scale *= 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard scale > 1 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % scale)
        return "\(sign)\(scaled / scale).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }

    /// 75 s → 1 min 15 s.
    static func duration(milliseconds: Int64) -> String {
        let seconds = milliseconds / 1_000
        return switch milliseconds {
        case ..<1_000: "\(max(0, milliseconds)) ms"
        case ..<60_000: "\(fixed(Double(milliseconds) / 1_000, 1)) s"
        case ..<3_600_000: "\(seconds / 60) min \(seconds % 60) s"
        case ..<172_800_000: "\(seconds / 3_600) h \(seconds / 60 % 60) min"
        default: "\(seconds / 86_400) days"
        }
    }
}
