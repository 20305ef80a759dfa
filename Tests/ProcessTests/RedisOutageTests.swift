import Bytes
import Glibc
import Support
import Testing

extension OneByOne {
    @Suite("Redis that is gone")
    struct RedisOutage {
        /// Milliseconds.
        private static let lease = 5_000

        /// Serves with a Redis of its own while `body` runs.
        private func run(on database: TestDatabase, _ body: (Farm, FarmRedis) async throws -> Void) async throws {
            let redis = try await FarmRedis()
            try await Farm.run(on: database, environment: ["REDIS_ADDR": redis.address]) { farm in
                try await body(farm, redis)
            }
            try await redis.kill()
        }

        @Test("stops heartbeats at once and costs no lease; its return brings them back", arguments: TestDatabase.all)
        func killed(on database: TestDatabase) async throws {
            try await run(on: database) { farm, redis in
                try await expectLeasesKept(farm, within: .milliseconds(250)) {
                    try await redis.kill()
                } mend: {
                    try await redis.restart()
                }
            }
        }

        @Test("and one that may evict is no nonce store: no server starts on it")
        func evicting() async throws {
            let redis = try await FarmRedis(["--maxmemory-policy", "allkeys-lru"])
            let server = FarmServer(database: "sqlite::memory:", environment: ["REDIS_ADDR": redis.address])
            let child = try await server.launch()
            #expect(try await child.end(within: .seconds(30)) == .exited(78))
            #expect(child.errors.split(separator: "\n").count == 1, "\(child.errors)")
            #expect(child.errors.contains("maxmemory-policy"))
            #expect(child.errors.contains(redis.address))
            try await redis.kill()
        }

        @Test("frozen does the same, in the time of one command", arguments: TestDatabase.all)
        func frozen(on database: TestDatabase) async throws {
            try await run(on: database) { farm, redis in
                try await expectLeasesKept(farm, within: .milliseconds(500)) {
                    await redis.signal(SIGSTOP)
                } mend: {
                    await redis.signal(SIGCONT)
                }
            }
        }

        private func expectLeasesKept(
            _ farm: Farm, within limit: Duration, break harm: () async throws -> Void, mend: () async throws -> Void
        ) async throws {
            let machine = try await farm.owner.machine()
            let job = try await farm.owner.submitted("held")
            let other = try await farm.owner.submitted("ended meanwhile")
            let grants = try await machine.claimed(2, lease: Self.lease)
            let held = try #require(grants.first { $0.job == job })
            let ends = try #require(grants.first { $0.job == other })
            _ = try await machine.heartbeat().expecting(200)
            let refused = machine.heartbeatBody()
            try await harm()

            // The leases would be over twice before Redis is back.
            var took: [Duration] = []
            let start = World.live.monotonic()
            while World.live.monotonic() - start < Int64(2 * Self.lease + 1_000) {
                let beat = try await machine.heartbeat(refused)
                #expect(beat.status == 503 && beat["Retry-After"] != nil)
                took.append(beat.took)
                for grant in grants { _ = try await machine.extend(grant, by: Self.lease).expecting(200) }
                try await World.live.sleep(.milliseconds(300))
            }
            // One without a time limit of its own would be slow every time; a busy machine is so now and then.
            let slowest = took.sorted().dropLast(2).last ?? .zero
            measured("the slowest heartbeat without Redis, but two", slowest)
            #expect(took.count >= 10 && slowest < limit, "\(took)")
            _ = try await machine.finish(ends).expecting(200)
            #expect(try await farm.owner.client.get("/readyz").json["checks"]?["redis"] == false)
            try await mend()
            // A refused heartbeat has changed nothing: its nonce is as good as new.
            try await eventually("heartbeats are taken again") {
                _ = try await machine.extend(held, by: Self.lease).expecting(200)
                return try await machine.heartbeat(refused).status == 200
            }
            _ = try await machine.finish(held).expecting(200)
            for id in [job, other] {
                let ended = try await farm.owner.job(id)
                #expect(ended["status"] == "completed" && ended["losses"] == 0)
            }
        }

        @Test("emptied or started afresh lets nobody repeat a heartbeat", arguments: TestDatabase.all)
        func replay(on database: TestDatabase) async throws {
            try await run(on: database) { farm, redis in
                let machine = try await farm.owner.machine()
                let body = machine.heartbeatBody()
                _ = try await machine.heartbeat(body).expecting(200)
                _ = try await machine.heartbeat(body).expecting(401)
                try await redis.flush()
                _ = try await machine.heartbeat(body).expecting(401)
                try await redis.kill()
                try await redis.restart()
                try await eventually("heartbeats are taken again") { try await machine.heartbeat().status == 200 }
                _ = try await machine.heartbeat(body).expecting(401)
            }
        }
    }
}
