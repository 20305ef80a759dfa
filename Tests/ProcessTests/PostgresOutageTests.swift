import Bytes
import Support
import Testing

extension OneByOne {
    @Suite("PostgreSQL that is gone")
    struct PostgresOutage {
        /// Serves on a cluster of its own while `body` runs.
        private func run(_ body: (Farm, ThrowawayPostgres) async throws -> Void) async throws {
            let postgres = try await ThrowawayPostgres()
            try await postgres.start()
            try await Farm.run(at: postgres.url()) { try await body($0, postgres) }
        }

        @Test("under load means 503 and nothing lost; three seconds after its return all is well")
        func killed() async throws {
            try await run { farm, postgres in
                let load = SubmitLoad(farm.owner, connections: 16)
                try await eventually("the load is on", within: .seconds(30)) { load.acknowledged >= 200 }
                let kill = ContinuousClock.now
                try await postgres.kill()
                let dead = ContinuousClock.now
                try await eventually("it is refused", within: .seconds(10)) {
                    load.tries.count { $0.status == 503 && $0.start > dead } >= 100
                }
                let readiness = try await farm.owner.client.get("/readyz").expecting(503)
                #expect(readiness.json["checks"]?["database"] == false)
                _ = try await farm.owner.client.get("/health").expecting(200)

                try await postgres.start()
                let ready = ContinuousClock.now
                try await eventually("it is served again", within: .seconds(10)) {
                    load.tries.contains { $0.status == 201 && $0.start > ready }
                }
                let served = try #require(load.tries.filter { $0.status == 201 && $0.start > ready }.map(\.end).min())
                measured("PostgreSQL ready to the first answer", served - ready)
                #expect(served - ready < .seconds(3))
                let enough = load.acknowledged + 100
                try await eventually("the load goes on", within: .seconds(30)) { load.acknowledged >= enough }
                let tries = await load.stop()

                // What was committing at that moment may have an unknown outcome; all else is one of two.
                for one in tries where one.status != 201 && one.status != 503 {
                    #expect(one.status == 504 && one.start < dead && one.end > kill, "\(one)")
                }
                #expect(tries.allSatisfy { $0.status != 503 || $0.reply?["Retry-After"] != nil })
                #expect(farm.server.isRunning)
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }

        @Test("for longer than a lease costs nobody the lease")
        func leases() async throws {
            try await run { farm, postgres in
                try await HoldersCall.expectGranted(farm) {
                    try await postgres.kill()
                } _: {
                    try await postgres.start()
                }
            }
        }

        @Test("frozen is noticed in three seconds, and once it thaws all goes on")
        func frozen() async throws {
            try await run { farm, postgres in
                let load = SubmitLoad(farm.owner, connections: 8)
                try await eventually("the load is on", within: .seconds(30)) { load.acknowledged >= 50 }
                postgres.pause()
                let paused = ContinuousClock.now
                try await eventually("readiness says so") {
                    try await farm.owner.client.get("/readyz").status == 503
                }
                measured("PostgreSQL frozen to readyz 503", ContinuousClock.now - paused)
                // Three seconds, and what a busy machine adds to them.
                #expect(ContinuousClock.now - paused < .seconds(5))
                postgres.resume()
                let enough = load.acknowledged + 100
                try await eventually("it serves again", within: .seconds(30)) { load.acknowledged >= enough }
                let tries = await load.stop()
                #expect(tries.allSatisfy { $0.status == 201 || $0.status == 503 })
                try await SubmitLoad.expectAllOnce(tries, of: farm.owner)
            }
        }
    }
}
