import Foundation
import Glibc
import Synchronization

/// A program that a test runs beside itself: in a process group of its own, its output kept in files, reaped as soon
/// as it ends, and dead with the test process, however that ends.
package final class ChildProcess: Sendable {
    package enum Ending: Sendable, Equatable {
        case exited(Int32)
        case killed(by: Int32)
    }

    package let pid: Int32
    private let fate: Fate
    private let outputPath: String
    private let errorPath: String

    /// Starts a program with this process's environment, but for the product's own variables, and these ones added.
    package init(
        _ program: String, _ arguments: [String] = [], environment: [String: String] = [:], folder: String = "/"
    ) async throws {
        let name = String(program.split(separator: "/").last ?? "child")
        let paths = (Scratch.path(name + ".out"), Scratch.path(name + ".err"))
        (outputPath, errorPath) = paths
        // The kernel kills it when the thread that started it is gone.
        let words = ["setpriv", "--pdeathsig", "KILL", "env", "--chdir=\(folder)", program] + arguments
        let variables = Self.inherited.merging(environment) { $1 }.map { "\($0.key)=\($0.value)" }
        pid = try await SpawnThread.shared.run {
            try spawn(words, variables, output: paths.0, errors: paths.1)
        }
        fate = Fate(pid)
    }

    deinit { fate.signal(SIGKILL, toAll: true) }

    package var ending: Ending? { fate.ending }

    /// Does nothing to one that has ended.
    package func signal(_ signal: Int32) { fate.signal(signal) }

    /// SIGKILL to it and what it started in its group; returns when it is reaped.
    package func kill() async throws {
        fate.signal(SIGKILL, toAll: true)
        _ = try await end()
    }

    package func end(within limit: Duration = .seconds(30)) async throws -> Ending {
        try await eventually("process \(pid) ends", within: limit) { fate.ending != nil }
        return fate.ending ?? .exited(-1)
    }

    /// What it has written to standard output so far.
    package var output: String { Self.text(outputPath) }
    /// What it has written to standard error so far.
    package var errors: String { Self.text(errorPath) }

    private static func text(_ path: String) -> String {
        FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    private static let inherited = ProcessInfo.processInfo.environment.filter { name, _ in
        !["HATCHFARM_", "REDIS_", "JWT_", "OIDC_", "ANTHROPIC_", "OPENAI_", "INKLING_", "ORACLE_"].contains {
            name.hasPrefix($0)
        }
            && ![
                "PORT", "HOST", "DATABASE_URL", "REQUIRE_HTTPS", "TRUST_PROXY_HEADERS", "ALLOWED_ORIGINS", "PUBLIC_URL",
            ].contains(name)
    }
}

/// Who waits for a child, and whether it may still be signalled.
private final class Fate: Sendable {
    private let pid: Int32
    private let known = Mutex<ChildProcess.Ending?>(nil)
    private static let living = Mutex<Set<Int32>>([])
    private static let farewell: Void = Scratch.atExit {
        for pid in living.withLock({ $0 }) { kill(-pid, SIGKILL) }
    }

    init(_ pid: Int32) {
        self.pid = pid
        _ = Self.farewell
        _ = Self.living.withLock { $0.insert(pid) }
        let thread = Thread { self.await() }
        thread.stackSize = 128 << 10
        thread.start()
    }

    var ending: ChildProcess.Ending? { known.withLock { $0 } }

    func signal(_ signal: Int32, toAll: Bool = false) {
        // Until it is reaped the number is nobody else's.
        known.withLock { if $0 == nil { kill(toAll ? -pid : pid, signal) } }
    }

    private func await() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        known.withLock { known in
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
            let signal = status & 0x7F
            known = signal == 0 ? .exited(status >> 8 & 0xFF) : .killed(by: signal)
        }
        _ = Self.living.withLock { $0.remove(pid) }
    }
}

/// The one thread that starts children. It never ends, so they live until they are done with, or the process is.
private final class SpawnThread: Sendable {
    static let shared = SpawnThread()

    private let waiting = Mutex<[@Sendable () -> Void]>([])
    private let arrival = DispatchSemaphore(value: 0)

    private init() {
        let thread = Thread {
            while true {
                self.arrival.wait()
                self.waiting.withLock { $0.removeFirst() }()
            }
        }
        thread.start()
    }

    func run<Answer: Sendable>(_ body: @escaping @Sendable () throws -> Answer) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            waiting.withLock { $0.append { continuation.resume(with: Result { try body() }) } }
            arrival.signal()
        }
    }
}

/// Of glibc 2.34 and later; Swift's view of it lacks it.
private let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
    unsafeBitCast($0, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32).self)
}

private func spawn(
    _ words: [String], _ variables: [String], output: String, errors: String
) throws -> Int32 {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    // Else it would hold other children's pipes open.
    guard let closeFrom, closeFrom(&actions, STDERR_FILENO + 1) == 0 else {
        throw ToolFailure(description: "this C library can't close what a child must not inherit")
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
        &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
    var pid: Int32 = 0
    let problem = withCStrings(words) { words in
        withCStrings(variables) { posix_spawn(&pid, "/usr/bin/setpriv", &actions, &attributes, words, $0) }
    }
    guard problem == 0 else {
        throw ToolFailure(description: "can't start \(words.joined(separator: " ")): \(problem)")
    }
    return pid
}

/// The strings as C wants them, ended by a null.
private func withCStrings<Answer>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Answer
) -> Answer {
    var copies = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return copies.withUnsafeMutableBufferPointer { buffer in
        guard let start = buffer.baseAddress else { preconditionFailure("never empty") }
        return body(UnsafePointer(start))
    }
}
