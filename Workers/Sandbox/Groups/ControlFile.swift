internal import Glibc

/// Small kernel files in `/proc` and in control groups: read completely, written with one call.
enum ControlFile {
    static func read(_ path: String) -> String? {
        guard let file = try? Descriptor(path, O_RDONLY), let bytes = try? file.read(limit: 4 << 20) else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    static func write(_ text: String, to path: String) throws(FileProblem) {
        try Descriptor(path, O_WRONLY).write(Array(text.utf8))
    }

    /// The number in the line `name number`.
    static func number(_ name: String, in path: String) -> Int64? {
        for line in (read(path) ?? "").split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 2, words[0] == name { return Int64(words[1]) }
        }
        return nil
    }

    /// The processes of the group at `folder` itself, without its subgroups.
    static func processes(in folder: String) -> [pid_t] {
        (read("\(folder)/cgroup.procs") ?? "").split(separator: "\n").compactMap { pid_t($0) }
    }
}
