import Bus
import Foundation
import Glibc
import Support

/// A real `redis-server` of the test's own, without files, on a free port.
final class RedisServer {
    let port: Int32
    private let arguments: [String]
    private var process: Process

    init(_ arguments: [String] = []) throws {
        port = Int32(try Tool.freePort())
        self.arguments = arguments
        process = try Self.start(port, arguments)
    }

    /// Swift's threads block most signals, and so does what they start: only this one is sure to be heard.
    deinit { kill(process.processIdentifier, SIGKILL) }

    /// With a time limit that a busy machine meets; the product's own would make an outage of every pause.
    func settings(password: String? = nil, timeoutMilliseconds: Int = 5_000) -> RedisSettings {
        var settings = RedisSettings(host: "127.0.0.1", port: port, password: password)
        settings.commandTimeoutMilliseconds = timeoutMilliseconds
        return settings
    }

    func client(password: String? = nil, timeoutMilliseconds: Int = 5_000) async throws -> Redis {
        let redis = await Redis.open(settings(password: password, timeoutMilliseconds: timeoutMilliseconds))
        try await becomes(redis, healthy: true)
        return redis
    }

    /// Waits until the client sees the server so.
    func becomes(_ redis: Redis, healthy: Bool) async throws {
        try await eventually("Redis is \(healthy ? "up" : "down")") { await redis.health().isHealthy == healthy }
    }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    func killed() {
        send(SIGKILL)
        process.waitUntilExit()
    }

    func restarted() throws {
        if process.isRunning { killed() }
        process = try Self.start(port, arguments)
    }

    private static func start(_ port: Int32, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments =
            ["redis-server", "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
            + arguments
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        return process
    }
}
