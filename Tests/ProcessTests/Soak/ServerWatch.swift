import Bytes
import Foundation
import Support
import Synchronization

/// Looks at a server's process twice a second.
final class ServerWatch: Sendable {
    struct Most: Sendable {
        /// Bytes of its own memory that are resident: without the program itself.
        var memory = 0
        var files = 0
        var looks = 0
    }

    private let server: FarmServer
    private let state = Mutex(Most())

    init(_ server: FarmServer) { self.server = server }

    var most: Most { state.withLock { $0 } }

    /// Until its task is cancelled.
    func run() async {
        while !Task.isCancelled {
            look()
            try? await World.live.sleep(.milliseconds(500))
        }
    }

    private func look() {
        guard let pid = server.pid, let memory = Self.memory(of: pid),
            let files = try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
        else { return }
        state.withLock { most in
            most.memory = max(most.memory, memory)
            most.files = max(most.files, files)
            most.looks += 1
        }
    }

    private static func memory(of pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("RssAnon:") }
        return line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).compactMap { Int($0) }.first.map { $0 * 1_024 }
    }
}
