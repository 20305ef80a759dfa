import Foundation
import Glibc
import Synchronization

/// `hatchfarm serve` as a process of its own, to start, stop, kill and start again at the same address.
package final class FarmServer: Sendable {
    /// The program that was built with these tests.
    package static let program: String = {
        var path = [CChar](repeating: 0, count: 4_096)
        let length = readlink("/proc/self/exe", &path, path.count)
        let own = String(decoding: path.prefix(max(0, length)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return own.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
            + "/hatchfarm"
    }()

    package static let operatorToken = "the-operator-of-the-tests"

    private struct State {
        var port = 0
        var child: ChildProcess?
        /// Complaints of the lives before this one.
        var complaints: [String] = []
    }

    private let environment: [String: String]
    private let folder: String
    private let state = Mutex(State())

    /// - Parameter folder: where it runs.
    package init(database: String, environment: [String: String] = [:], folder: String = "/") {
        self.folder = folder
        let own = [
            "DATABASE_URL": database, "HATCHFARM_API_TOKEN": Self.operatorToken, "HATCHFARM_LOG": "notice",
            // Of a crash, the thread that crashed comes first and alone.
            "SWIFT_BACKTRACE": "enable=yes,threads=crashed,color=no",
        ]
        self.environment = own.merging(environment) { $1 }
    }

    package var port: Int { state.withLock { $0.port } }
    package var url: String { "http://127.0.0.1:\(port)" }
    /// With the operator's token, for this owner.
    package func client(of owner: String) -> FarmClient {
        FarmClient(url, [("Authorization", "Bearer \(Self.operatorToken)"), ("X-Owner-ID", owner)])
    }

    /// Starts it and returns when it serves.
    package func start() async throws {
        let child = try await launch()
        try await eventually("the server serves", within: .seconds(60)) {
            if let ending = child.ending {
                throw ToolFailure(description: "the server ended with \(ending): \(child.output)\(child.errors)")
            }
            guard let port = Self.port(in: child.output) else { return false }
            state.withLock { $0.port = port }
            return true
        }
    }

    /// Starts it and returns at once.
    @discardableResult
    package func launch() async throws -> ChildProcess {
        var environment = environment
        environment["PORT"] = String(port)
        let child = try await ChildProcess(Self.program, ["serve"], environment: environment, folder: folder)
        state.withLock { $0.child = child }
        return child
    }

    /// The most memory that its present life has had, in bytes.
    package var peakMemory: Int64 {
        get throws {
            let pid = state.withLock { $0.child }?.pid ?? 0
            let status = try String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)
            guard let kibibytes = status.firstMatch(of: #/VmHWM:\s+(\d+) kB/#).flatMap({ Int64($0.output.1) }) else {
                throw ToolFailure(description: "/proc/\(pid)/status tells no VmHWM")
            }
            return kibibytes << 10
        }
    }

    package func signal(_ signal: Int32) { state.withLock { $0.child }?.signal(signal) }

    /// Of its present life.
    package var pid: Int32? { state.withLock { $0.child }?.pid }

    package var isRunning: Bool {
        guard let child = state.withLock({ $0.child }) else { return false }
        return child.ending == nil
    }

    /// As when the machine fails.
    package func kill() async throws {
        try await state.withLock { $0.child }?.kill()
        bury()
    }

    /// How it ends after SIGTERM.
    package func terminate(within limit: Duration = .seconds(20)) async throws -> ChildProcess.Ending? {
        signal(SIGTERM)
        return try await ended(within: limit)
    }

    /// How it ends after what was sent to it.
    package func ended(within limit: Duration = .seconds(20)) async throws -> ChildProcess.Ending? {
        defer { bury() }
        return try await state.withLock { $0.child }?.end(within: limit)
    }

    /// What it has logged that must never be logged: errors that nobody foresaw.
    package var complaints: [String] {
        let (before, child) = state.withLock { ($0.complaints, $0.child) }
        return before + Self.complaints(in: child?.errors ?? "")
    }

    /// Everything that the present life has logged.
    package var log: String { state.withLock { $0.child }?.errors ?? "" }

    private func bury() {
        let child = state.withLock { $0.child }
        let complaints = Self.complaints(in: child?.errors ?? "")
        state.withLock { state in
            state.complaints += complaints
            state.child = nil
        }
    }

    private static func complaints(in log: String) -> [String] {
        log.split(separator: "\n").filter { line in
            line.contains("internal error") || line.contains("Fatal error") || line.contains("\"level\":\"critical\"")
        }.map { String($0) }
    }

    private static func port(in output: String) -> Int? {
        output.firstMatch(of: #/listening on http://127\.0\.0\.1:(\d+),/#).flatMap { Int($0.output.1) }
    }
}
