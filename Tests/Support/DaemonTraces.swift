import Bytes
import Foundation

/// What a dead daemon left in its state folder, read before the next one starts there.
package struct DaemonTraces: Sendable {
    /// Leases whose work wasn't done.
    package var leases = 0
    /// Results that nobody had answered.
    package var results = 0
    /// The names of lives that had folders.
    package var lives: [String] = []
    /// Job folders, and those of them in which a file of this name stands.
    package var folders = 0
    package var outputs = 0

    package init(in state: String, output: String) {
        lives = Self.names("\(state)/jobs")
        for folder in lives.flatMap({ life in
            Self.names("\(state)/jobs/\(life)").map { "\(state)/jobs/\(life)/\($0)" }
        }) where FileManager.default.fileExists(atPath: "\(folder)/work") {
            folders += 1
            if FileManager.default.fileExists(atPath: "\(folder)/work/\(output)") { outputs += 1 }
        }
        var isResult: [String: Bool] = [:]
        for name in Self.names("\(state)/journal") {
            let bytes = FileManager.default.contents(atPath: "\(state)/journal/\(name)").map(Array.init) ?? []
            for line in bytes.split(separator: UInt8(ascii: "\n")) {
                guard let json = try? JSON(parsing: Array(line)) else { continue }
                if let token = json["settled"]?.string { isResult[token] = nil }
                if let token = json["token"]?.string { isResult[token] = json["result"] != nil }
            }
        }
        results = isResult.values.count { $0 }
        leases = isResult.count - results
    }

    /// Whatever else than the machine's credentials and a lock stands in a state folder after an orderly end.
    package static func leftovers(in state: String) -> [String] {
        ["jobs", "journal"].flatMap { folder in names("\(state)/\(folder)").map { "\(folder)/\($0)" } }
    }

    /// The control groups that carry the name of a life.
    package static func controlGroups(of lives: Set<String>, under root: String = "/sys/fs/cgroup") -> [String] {
        let paths = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
        return paths.filter { path in
            let name = path.split(separator: "/").last ?? ""
            return name.hasPrefix("hatchfarm-") && lives.contains { name.contains($0) }
        }
    }

    private static func names(_ folder: String) -> [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    }
}
