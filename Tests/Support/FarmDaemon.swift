import Foundation
import Synchronization

/// `hatchfarm worker` as a process of its own, with a state folder of its own.
package final class FarmDaemon: Sendable {
    package let name: String
    /// Its state folder.
    package let state: String
    private let child: ChildProcess

    /// Starts it for this owner and returns when it is enrolled. `state`: an earlier one's, to take its place.
    package init(
        _ name: String, for owner: FarmOwner, _ more: [String] = [], state: String = Scratch.path("worker")
    ) async throws {
        self.name = name
        self.state = state
        child = try await ChildProcess(
            FarmServer.program,
            [
                "worker", "--server", owner.client.url, "--api-key", FarmServer.operatorToken, "--owner", owner.id,
                "--name", name, "--state", state,
            ] + more)
        try await eventually("\(name) works", within: .seconds(60)) {
            guard child.ending == nil else { throw ToolFailure(description: child.output + child.errors) }
            return child.output.contains("starting worker")
        }
    }

    /// The machine's id.
    package var id: String {
        child.output.firstMatch(of: #/starting worker (\S+) for/#).map { String($0.output.1) } ?? ""
    }

    package var pid: Int32 { child.pid }
    package var said: String { child.output }
    package func signal(_ signal: Int32) { child.signal(signal) }
    package func kill() async throws { try await child.kill() }
    package func end(within limit: Duration = .seconds(30)) async throws -> ChildProcess.Ending {
        try await child.end(within: limit)
    }
}

/// Processes of this machine, whoever started them.
package enum ProcessTable {
    /// How many have these words in their command line.
    package static func count(_ words: String) -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.count { name in
            guard Int32(name) != nil, let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") else {
                return false
            }
            return String(decoding: line, as: UTF8.self).replacing("\0", with: " ").contains(words)
        }
    }
}
