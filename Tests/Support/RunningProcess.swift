import Foundation

/// A process of this machine, told from a later one of the same number.
package struct RunningProcess: Hashable, Sendable {
    package let pid: Int32
    private let parent: Int32
    /// In ticks since the machine started.
    private let startedAt: UInt64

    /// nil when there is none, or only its entry is left for whoever is to read how it ended.
    private init?(_ pid: Int32) {
        guard let status = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return nil }
        let text = String(decoding: status, as: UTF8.self)
        // The name before is in brackets and may hold any.
        guard let name = text.lastIndex(of: ")") else { return nil }
        let fields = text[name...].split(separator: " ")
        guard fields.count > 20, !"ZX".contains(fields[1]), let parent = Int32(fields[2]),
            let startedAt = UInt64(fields[20])
        else { return nil }
        (self.pid, self.parent, self.startedAt) = (pid, parent, startedAt)
    }

    package var isAlive: Bool { RunningProcess(pid)?.startedAt == startedAt }

    /// Its command line.
    package var words: String {
        let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
        return String(decoding: bytes, as: UTF8.self).replacing("\0", with: " ")
    }

    private static var all: [RunningProcess] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { name in
            Int32(name).flatMap { RunningProcess($0) }
        }
    }

    /// All that a process has started, and what those have.
    package static func descendants(of pid: Int32) -> [RunningProcess] {
        let children = Dictionary(grouping: all) { $0.parent }
        var found: [RunningProcess] = []
        var next = children[pid] ?? []
        while let process = next.popLast() {
            found.append(process)
            next += children[process.pid] ?? []
        }
        return found
    }
}
