import Bus
import Bytes
import Glibc
import Support
import Testing

@Suite("Redis", .timeLimit(.minutes(1)), .tags(.timed))
struct RedisTests {
    @Test("a reservation is had by the first and by nobody else until it expires")
    func reserve() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        #expect(try await redis.reserve("nonce", milliseconds: 60_000))
        #expect(try await !redis.reserve("nonce", milliseconds: 60_000))
        #expect(try await redis.command(["PTTL", "nonce"]) != .integer(-1))
        try await redis.release("nonce")
        #expect(try await redis.reserve("nonce", milliseconds: 60_000))
    }

    @Test("of a hundred callers at once one gets the reservation")
    func race() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        let winners = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<100 { group.addTask { try await redis.reserve("nonce", milliseconds: 60_000) } }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(winners == 1)
    }

    @Test("answers of every kind come back as they are")
    func replies() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        #expect(try await redis.command(["GET", "nothing"]) == .null)
        #expect(try await redis.command(["SET", "a", "b c\nd"]) == .text("OK"))
        #expect(try await redis.command(["GET", "a"]) == .text("b c\nd"))
        #expect(try await redis.command(["INCR", "n"]) == .integer(1))
        #expect(try await redis.command(["MGET", "a", "n", "x"]) == .array([.text("b c\nd"), .text("1"), .null]))
        await #expect(throws: RedisError.refused("ERR unknown command 'NONSENSE', with args beginning with: ")) {
            _ = try await redis.command(["NONSENSE"])
        }
    }

    @Test("a killed server is unavailable at once, and serves again soon after its restart")
    func killAndRestart() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        server.killed()
        let start = World.live.monotonic()
        await #expect(throws: RedisError.self) { _ = try await redis.command(["PING"]) }
        // To wait for the time limit would take five seconds.
        #expect(World.live.monotonic() - start < 1_000)
        try server.restarted()
        try await server.becomes(redis, healthy: true)
        #expect(try await redis.reserve("nonce", milliseconds: 60_000))
    }

    @Test("a server that restarts while nobody asks is found again before somebody does")
    func restartUnnoticed() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        try server.restarted()
        try await eventually("the loss is noticed") { redis.failureCount > 0 }
        try await server.becomes(redis, healthy: true)
    }

    @Test("a stopped server costs each caller at most the time limit, and later callers nothing")
    func stopped() async throws {
        let server = try RedisServer()
        let redis = try await server.client(timeoutMilliseconds: 250)
        server.send(SIGSTOP)
        defer { server.send(SIGCONT) }
        let start = World.live.monotonic()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<1_000 {
                group.addTask {
                    await #expect(throws: RedisError.self) {
                        _ = try await redis.reserve("\(number)", milliseconds: 60_000)
                    }
                }
            }
        }
        // Sixty-four travel together: if each such batch waited, one after the other, it would take four seconds.
        #expect(World.live.monotonic() - start < 2_000)
        let later = World.live.monotonic()
        await #expect(throws: RedisError.self) { _ = try await redis.command(["PING"]) }
        #expect(World.live.monotonic() - later < 200)
        server.send(SIGCONT)
        try await server.becomes(redis, healthy: true)
    }

    @Test("the password is used, and a wrong one is an outage")
    func password() async throws {
        let server = try RedisServer(["--requirepass", "secret"])
        let redis = try await server.client(password: "secret")
        #expect(try await redis.reserve("nonce", milliseconds: 60_000))
        let stranger = await Redis.open(server.settings(password: "wrong"))
        #expect(await !stranger.health().isHealthy)
        let anonymous = await Redis.open(server.settings())
        #expect(await !anonymous.health().isHealthy)
    }

    @Test("a full server and a replica are outages, not refusals")
    func cannotServe() async throws {
        let server = try RedisServer(["--maxmemory", "1", "--maxmemory-policy", "noeviction"])
        let redis = try await server.client()
        await #expect { try await redis.reserve("nonce", milliseconds: 1) } throws: { error in
            if case .unavailable(let text)? = error as? RedisError { text.hasPrefix("OOM") } else { false }
        }
        _ = try await redis.command(["CONFIG", "SET", "maxmemory", "0"])
        _ = try await redis.command(["REPLICAOF", "127.0.0.1", "1"])
        await #expect { try await redis.reserve("nonce", milliseconds: 1) } throws: { error in
            if case .unavailable(let text)? = error as? RedisError { text.hasPrefix("READONLY") } else { false }
        }
    }

    @Test("a server that may throw keys away is told from one that may not")
    func eviction() async throws {
        let keeping = try RedisServer()
        #expect(try await !keeping.client().mayEvict())
        let evicting = try RedisServer(["--maxmemory-policy", "allkeys-lru"])
        #expect(try await evicting.client().mayEvict())
    }

    @Test("after closing, nothing is sent")
    func closed() async throws {
        let server = try RedisServer()
        let redis = try await server.client()
        redis.close()
        await #expect(throws: RedisError.unavailable("closed")) { _ = try await redis.command(["PING"]) }
    }

    @Test("an address is host, host and port, or a bracketed v6 address")
    func addresses() {
        #expect(RedisSettings(address: "redis")?.port == 6_379)
        #expect(RedisSettings(address: "10.0.0.1:7000")?.port == 7_000)
        #expect(RedisSettings(address: "[::1]:7000")?.host == "::1")
        #expect(RedisSettings(address: "[::1]")?.host == "::1")
        for wrong in ["", ":1", "host:0", "host:99999", "host:x", "[::1"] {
            #expect(RedisSettings(address: wrong) == nil, "\(wrong)")
        }
    }
}
