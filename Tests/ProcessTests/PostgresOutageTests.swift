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

        @Test("for longer than a lease costs nobody the lease", arguments: ["extend", "finish"])
        func leases(then call: String) async throws {
            try await run { farm, postgres in
                let machine = try await farm.owner.machine()
                let job = try await farm.owner.submitted("held")
                let grant = try await machine.take(lease: 2_500)
                try await postgres.kill()
                try await eventually("the lease is over") { World.live.now() > grant.visibleUntil + 1_500 }
                #expect(try await machine.extend(grant, by: 60_000).status == 503)
                try await postgres.start()
                var first: FarmReply?
                try await eventually("the database is back") {
                    first = call == "extend"
                        ? try await machine.extend(grant, by: 60_000) : try await machine.finish(grant)
                    return first?.status != 503
                }
                #expect(first?.status == 200, "\(first?.text ?? "")")
                if call == "extend" { _ = try await machine.finish(grant).expecting(200) }
                let ended = try await farm.owner.job(job)
                #expect(ended["status"] == "completed" && ended["losses"] == 0 && ended["attempt"] == 1)
            }
        }

        @Test("frozen means refusals within the statement's time, not threads that pile up")
        func frozen() async throws {
            try await run { farm, postgres in
                postgres.pause()
                try await eventually("readiness says so", within: .seconds(10)) {
                    try await farm.owner.client.get("/readyz").status == 503
                }
                postgres.resume()
                try await eventually("it serves again", within: .seconds(20)) {
                    try await farm.owner.submit("after").status == 201
                }
            }
        }
    }
}
