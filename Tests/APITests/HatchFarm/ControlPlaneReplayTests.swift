import API
import Bus
import Bytes
import Engine
import Glibc
import Store
import Support
import Testing

/// A nonce works once, whatever Redis does (PROMISES N1, N2, R1–R3, R6).
@Suite("Replays", .timeLimit(.minutes(2)))
struct ControlPlaneReplayTests {
    private func open(_ server: FarmRedis) async throws -> Redis {
        var settings = try #require(RedisSettings(address: server.address))
        // Patient with a busy machine.
        settings.connectTimeoutMilliseconds = 3_000
        settings.commandTimeoutMilliseconds = 3_000
        let redis = await Redis.open(settings)
        try await eventually("Redis is up") { await redis.health().isHealthy }
        return redis
    }

    private func until(_ redis: Redis, isUp: Bool) async throws {
        try await eventually("Redis is \(isUp ? "up" : "down")") { await redis.health().isHealthy == isUp }
    }

    @Test("a replay stays impossible across a flush and a restart of Redis", arguments: TestDatabase.all)
    func flush(on database: TestDatabase) async throws {
        let server = try await FarmRedis()
        let redis = try await open(server)
        try await ControlPlane.run(database, redis: redis) { plane in
            let worker = try await plane.worker()
            let beat = plane.beat(worker)
            #expect(try await plane.send(beat).status == 200)
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")
            try await server.flush()
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")
            try await server.kill()
            try await server.restart()
            try await until(redis, isUp: true)
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")
            #expect(try await plane.send(plane.beat(worker)).status == 200)
        }
    }

    @Test("while Redis is down heartbeats are 503 and change nothing, and leases go on", arguments: TestDatabase.all)
    func down(on database: TestDatabase) async throws {
        let server = try await FarmRedis()
        let redis = try await open(server)
        try await ControlPlane.run(database, redis: redis) { plane in
            let worker = try await plane.worker()
            let job = try await plane.post("/jobs", .alice, ["title": "t", "command": "true"])
            let headers = [("X-Machine-Token", worker.token)]
            let claimed = try await plane.send(
                "POST", "/workers/\(worker.id)/jobs/claim", headers, bytes: Array(#"{"limit":1}"#.utf8))
            let token = try #require(claimed.data["jobs"]?.array?.first?["claim_token"]?.string, "\(claimed.text)")
            let id = try #require(job.json["id"]?.string)

            try await server.kill()
            try await until(redis, isUp: false)
            let beat = plane.beat(worker)
            for _ in 0..<3 {
                let reply = try await plane.send(beat)
                #expect(reply.outcome == "503 redis_unavailable")
                #expect(reply["Retry-After"] != nil)
            }
            let unseen = try await plane.get("/machines/\(worker.id)", .alice).data["machine"]
            #expect(unseen?["last_heartbeat_at"] == .null)
            // What fails for itself is told as ever.
            #expect(try await plane.send(plane.beat(worker, off: 200_000)).outcome == "401 clock_skew")
            let extended = try await plane.send(
                "POST", "/workers/\(worker.id)/jobs/\(id)/extend", headers,
                bytes: JSON.object([.init("claim_token", .string(token)), .init("extension_ms", 60_000)]).bytes())
            #expect(extended.status == 200, "\(extended.text)")

            try await server.restart()
            try await until(redis, isUp: true)
            #expect(try await plane.send(beat).status == 200)
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")
        }
    }

    @Test("a heartbeat that Redis obeyed too late was told 503, and may come again", arguments: TestDatabase.all)
    func frozen(on database: TestDatabase) async throws {
        let server = try await FarmRedis()
        let redis = try await open(server)
        try await ControlPlane.run(database, redis: redis) { plane in
            let worker = try await plane.worker()
            let beat = plane.beat(worker)
            await server.signal(SIGSTOP)
            #expect(try await plane.send(beat).outcome == "503 redis_unavailable")
            await server.signal(SIGCONT)
            try await until(redis, isUp: true)
            #expect(try await plane.send(beat).status == 200)
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")

            // The same when SQL failed after Redis had reserved.
            let reserved = plane.beat(worker)
            #expect(try await redis.reserve("hatchfarm:nonce:\(worker.id):\(reserved.nonce)", milliseconds: 60_000))
            #expect(try await plane.send(reserved).status == 200)
            #expect(try await plane.send(reserved).outcome == "401 nonce_seen")
        }
    }

    @Test("with the fallback SQL alone stops replays while Redis is down", arguments: TestDatabase.all)
    func fallback(on database: TestDatabase) async throws {
        let server = try await FarmRedis()
        let redis = try await open(server)
        try await ControlPlane.run(database, .set(\.redisNonceFallback, true), redis: redis) { plane in
            let worker = try await plane.worker()
            let before = plane.beat(worker)
            #expect(try await plane.send(before).status == 200)
            try await server.kill()
            try await until(redis, isUp: false)
            #expect(plane.dependencies.heartbeats.fallback.count == 0)
            let during = plane.beat(worker)
            #expect(try await plane.send(during).status == 200)
            #expect(plane.dependencies.heartbeats.fallback.count == 1)
            let metrics = try await plane.send("GET", "/metrics", ControlPlane.asOperator, base: "").text
            #expect(metrics.contains("hatchfarm_nonce_fallbacks_total 1\n"))
            for beat in [before, during] { #expect(try await plane.send(beat).outcome == "401 nonce_seen") }
            try await server.restart()
            try await until(redis, isUp: true)
            for beat in [before, during] { #expect(try await plane.send(beat).outcome == "401 nonce_seen") }
        }
    }

    @Test("of one heartbeat sent many times at once, to two servers, one is accepted", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let server = try await FarmRedis()
        let (here, there) = (try await open(server), try await open(server))
        let url = try await database.freshURL()
        let clock = TestClock()
        try await ControlPlane.run(database, url: url, clock: clock, redis: here) { one in
            let worker = try await one.worker()
            try await ControlPlane.run(database, url: url, clock: clock, redis: there) { other in
                for _ in 0..<5 {
                    let beat = one.beat(worker)
                    let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                        for number in 0..<16 {
                            group.addTask { try await (number % 2 == 0 ? one : other).send(beat).outcome }
                        }
                        return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
                    }
                    #expect(outcomes == ["200": 1, "401 nonce_seen": 15])
                }
            }
        }
    }

    @Test("a nonce outlives its timestamp, also when the clock is set back by ten minutes", arguments: TestDatabase.all)
    func clockBack(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let worker = try await plane.worker()
            let beat = plane.beat(worker, off: 80_000)
            #expect(try await plane.send(beat).status == 200)
            plane.clock.advance(by: .seconds(171))
            _ = try await plane.dependencies.database.write { try $0.prune(limit: 1_000, keysOlderThan: 0) }
            #expect(try await plane.send(beat).outcome == "401 clock_skew")
            plane.clock.advance(by: .seconds(600))
            _ = try await plane.dependencies.database.write { try $0.prune(limit: 1_000, keysOlderThan: 0) }
            plane.clock.advance(by: .seconds(-650))
            #expect(try await plane.send(beat).outcome == "401 nonce_seen")
        }
    }
}
