import Bus
import Glibc

/// A real `redis-server` without files, on a port of its own. Gone with the process.
package actor FarmRedis {
    package let port: Int
    private let arguments: [String]
    private var child: ChildProcess

    /// With more arguments: `["--maxmemory-policy", "allkeys-lru"]`.
    package init(_ arguments: [String] = []) async throws {
        port = try Tool.freePort()
        self.arguments = arguments
        child = try await Self.launch(port, arguments)
        try await Self.ready(port)
    }

    package nonisolated var address: String { "127.0.0.1:\(port)" }

    package func signal(_ signal: Int32) { child.signal(signal) }
    package func kill() async throws { try await child.kill() }

    /// After it was killed: without what it knew.
    package func restart() async throws {
        child = try await Self.launch(port, arguments)
        try await Self.ready(port)
    }

    package func flush() async throws { _ = try await Self.command(["FLUSHALL"], port) }

    private static func ready(_ port: Int) async throws {
        try await eventually("Redis answers") { (try? await command(["PING"], port)) != nil }
    }

    private static func command(_ words: [String], _ port: Int) async throws -> RedisReply {
        let redis = await Redis.open(RedisSettings(host: "127.0.0.1", port: Int32(port), password: nil))
        defer { redis.close() }
        return try await redis.command(words)
    }

    private static func launch(_ port: Int, _ arguments: [String]) async throws -> ChildProcess {
        try await ChildProcess(
            "/usr/bin/redis-server",
            ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"] + arguments)
    }
}
