import Foundation
import Glibc
import Synchronization

/// A directory for this process's files, removed when it exits, and those that killed ones left behind with it.
package enum Scratch {
    private static let prefix = "hatchfarm-tests-"
    private static let lastName = Mutex(0)
    private static let farewells = Mutex<[@Sendable () -> Void]>([])

    /// Memory if there is enough of it: a cluster is hundreds of small files.
    private static let root: String = {
        var room = statvfs()
        guard access("/dev/shm", W_OK) == 0, statvfs("/dev/shm", &room) == 0 else { return "/tmp" }
        return UInt64(room.f_bavail) * UInt64(room.f_frsize) > 2 << 30 ? "/dev/shm" : "/tmp"
    }()

    private static let directory: String = {
        removeLeftovers(in: root)
        let path = "\(root)/\(prefix)\(getpid())"
        _ = mkdir(path, 0o755)
        atexit {
            for farewell in Scratch.farewells.withLock({ $0 }) { farewell() }
            try? FileManager.default.removeItem(atPath: Scratch.directory)
        }
        return path
    }()

    /// A path that nobody else has.
    package static func path(_ name: String) -> String {
        "\(directory)/\(lastName.withLock { $0 += 1; return $0 })-\(name)"
    }

    /// Calls `body` when the process exits, before the directory is removed.
    static func atExit(_ body: @escaping @Sendable () -> Void) { farewells.withLock { $0.append(body) } }

    private static func removeLeftovers(in root: String) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        for name in names where name.hasPrefix(prefix) {
            guard let owner = Int32(name.dropFirst(prefix.count)), kill(owner, 0) != 0, errno == ESRCH else { continue }
            let path = "\(root)/\(name)"
            for child in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
                ThrowawayPostgres.killServer(of: "\(path)/\(child)")
                if child.hasSuffix("-slurm") { ThrowawaySlurm.killAll(of: "\(path)/\(child)") }
            }
            try? FileManager.default.removeItem(atPath: path)
        }
    }
}
