import Bytes
import Foundation
import Glibc
import Synchronization

/// A PostgreSQL cluster of a test's own, to start, stop, kill and freeze. Gone with the process.
///
/// PostgreSQL refuses to run as root, so root runs it as the user `postgres`.
package final class ThrowawayPostgres: Sendable {
    package let port: Int
    private let directory: String
    private let settings: [String]
    private let server = Mutex<Process?>(nil)

    /// Makes the cluster; does not start it. Safe only against what a test does to it: nothing is synced to disk.
    package init(port: Int? = nil, settings: [String] = []) async throws {
        self.port = try port ?? Tool.freePort()
        self.settings = settings
        directory = Scratch.path("postgres")
        guard mkdir(directory, 0o700) == 0 else { throw ToolFailure(description: "can't make \(directory)") }
        if let user = Self.user { chown(directory, user.pw_uid, user.pw_gid) }
        let (program, arguments) = Self.command(
            "initdb",
            ["-D", directory, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        try await Tool.run(program, arguments)
        let directory = directory
        Scratch.atExit { Self.killServer(of: directory) }
    }

    deinit {
        let directory = directory
        DispatchQueue.global().async { Self.killServer(of: directory) }
    }

    package func url(database: String = "postgres") -> String {
        "postgres://postgres@127.0.0.1:\(port)/\(database)"
    }

    /// Starts the server and returns when it takes connections.
    package func start() async throws {
        let deadline = World.live.monotonic() + 20_000
        try launch()
        while !isReady {
            guard World.live.monotonic() < deadline else { throw ToolFailure(description: "not ready: \(log)") }
            // The last server's children may still hold its memory.
            if !isRunning { try launch() }
            try await World.live.sleep(.milliseconds(20))
        }
    }

    /// Ends every session and the server, with a checkpoint.
    package func stop() async throws { try await end(SIGINT) }

    /// Ends everything at once, as when the power fails.
    package func kill() async throws {
        guard let pid else { return }
        for child in Self.children(of: pid) { _ = Glibc.kill(child, SIGKILL) }
        try await end(SIGKILL)
    }

    /// Freezes the server and all its sessions.
    package func pause() { signalAll(SIGSTOP) }
    package func resume() { signalAll(SIGCONT) }

    private var pid: Int32? { server.withLock { $0?.processIdentifier } }
    private var isRunning: Bool { server.withLock { $0?.isRunning ?? false } }
    private var log: String { (try? String(contentsOfFile: directory + ".log", encoding: .utf8)) ?? "no log" }

    private var isReady: Bool {
        let lines = Self.lockFile(of: directory)
        return lines.first == pid.map { String($0) } && lines.last?.hasPrefix("ready") == true
    }

    private func launch() throws {
        let options = [
            "port=\(port)", "listen_addresses=127.0.0.1", "unix_socket_directories=\(directory)", "fsync=off",
            "full_page_writes=off", "dynamic_shared_memory_type=mmap", "max_connections=100",
        ]
        let (program, arguments) = Self.command(
            "postgres", ["-D", directory] + (options + settings).flatMap { ["-c", $0] })
        _ = FileManager.default.createFile(atPath: directory + ".log", contents: nil)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.currentDirectoryURL = URL(fileURLWithPath: "/")
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle(forWritingAtPath: directory + ".log")
        try process.run()
        server.withLock { $0 = process }
    }

    private func end(_ signal: Int32) async throws {
        guard let pid else { return }
        _ = Glibc.kill(pid, signal)
        try await eventually("PostgreSQL ends") { !isRunning }
    }

    private func signalAll(_ signal: Int32) {
        guard let pid else { return }
        for process in [pid] + Self.children(of: pid) { _ = Glibc.kill(process, signal) }
    }
}

extension ThrowawayPostgres {
    /// Ends the server of a data directory, if it has one, and waits for it up to three seconds.
    static func killServer(of directory: String) {
        guard let pid = lockFile(of: directory).first.flatMap({ Int32($0) }), pid > 1,
            let words = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8), words.contains(directory)
        else { return }
        for process in [pid] + children(of: pid) { _ = Glibc.kill(process, SIGCONT) }
        _ = Glibc.kill(pid, SIGQUIT)
        for _ in 0..<300 where FileManager.default.fileExists(atPath: directory + "/postmaster.pid") { usleep(10_000) }
        _ = Glibc.kill(pid, SIGKILL)
    }

    /// A program of PostgreSQL's, and how to run it as somebody who may.
    static func command(_ program: String, _ arguments: [String]) -> (program: String, arguments: [String]) {
        guard getuid() == 0 else { return ("\(programs)/\(program)", arguments) }
        return (
            "/usr/bin/setpriv",
            ["--reuid=postgres", "--regid=postgres", "--clear-groups", "\(programs)/\(program)"] + arguments
        )
    }

    private static var user: passwd? { getuid() == 0 ? getpwnam("postgres")?.pointee : nil }

    private static let programs: String = {
        let environment = ProcessInfo.processInfo.environment
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).compactMap { Int($0) }
        let places =
            (environment["HATCHFARM_POSTGRES_BIN"].map { [$0] } ?? [])
            + versions.sorted(by: >).map { "\(root)/\($0)/bin" }
            + (environment["PATH"] ?? "").split(separator: ":").map { String($0) }
        return places.first { FileManager.default.isExecutableFile(atPath: $0 + "/initdb") } ?? "/usr/bin"
    }()

    private static func lockFile(of directory: String) -> [String] {
        let text = (try? String(contentsOfFile: directory + "/postmaster.pid", encoding: .utf8)) ?? ""
        return text.split(separator: "\n").map { String($0) }
    }

    private static func children(of parent: Int32) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { pid in
            // "12 (postgres) S 7 …": the parent is the second word after the name.
            let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
            let words = text.split(separator: ")").last?.split(separator: " ") ?? []
            return words.count > 1 && Int32(words[1]) == parent
        }
    }
}
