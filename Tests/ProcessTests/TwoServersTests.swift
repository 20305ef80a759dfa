import Bytes
import Support
import Testing

extension OneByOne {
    @Suite("Two servers on one PostgreSQL")
    struct TwoServers {
        private func run(_ body: (Farm, FarmServer) async throws -> Void) async throws {
            let url = try await TestDatabase.postgres.freshURL()
            try await Farm.run(at: url) { farm in
                let second = FarmServer(database: url)
                do {
                    try await second.start()
                    try await body(farm, second)
                } catch {
                    try await second.kill()
                    throw FarmFailure(error: error, log: second.log)
                }
                try await second.kill()
                #expect(second.complaints.isEmpty)
            }
        }

        @Test("a claim that waits at one is woken by a submit at the other")
        func wakes() async throws {
            try await run { farm, second in
                let waiting = try await farm.owner.machine()
                let elsewhere = farm.owner(at: second)
                var delays: [Duration] = []
                for round in 0..<7 {
                    async let grant = waiting.take(wait: 15_000)
                    // Nothing tells that the claim has looked and found nothing; if it hasn't, this is no less true.
                    try await World.live.sleep(.milliseconds(250))
                    let start = ContinuousClock.now
                    _ = try await elsewhere.submitted("wake up \(round)")
                    _ = try await waiting.finish(grant).expecting(200)
                    delays.append(ContinuousClock.now - start)
                }
                delays.sort()
                measured("woken by the other server, median", delays[delays.count / 2])
                #expect(delays[delays.count / 2] < .milliseconds(200), "\(delays)")
                // Less than where the next look without a wake-up would come; one may meet a pause of the machine.
                #expect(delays.dropLast().allSatisfy { $0 < .milliseconds(900) }, "\(delays)")
            }
        }

        @Test("one key gives one job, whichever of them is asked, also at the same moment")
        func idempotency() async throws {
            try await run { farm, second in
                let elsewhere = farm.owner(at: second)
                try await withThrowingTaskGroup(of: (String, String?).self) { group in
                    for number in 0..<20 {
                        for owner in [farm.owner, elsewhere] {
                            group.addTask {
                                let reply = try await owner.submit("once \(number)", key: "key-\(number)")
                                return ("once \(number)", try reply.expecting(201).json["id"]?.string)
                            }
                        }
                    }
                    var ids: [String: Set<String?>] = [:]
                    for try await (title, id) in group { ids[title, default: []].insert(id) }
                    #expect(ids.count == 20 && ids.values.allSatisfy { $0.count == 1 })
                }
                #expect(try await elsewhere.jobs().count == 20)
                #expect(try await elsewhere.submit("another", key: "key-1").status == 422)
            }
        }

        @Test("both sweep, yet each lost lease is counted once; either sweeps when it is alone")
        func sweepers() async throws {
            try await run { farm, second in
                let machine = try await farm.owner.machine()
                var jobs: [String] = []
                for number in 0..<30 { jobs.append(try await farm.owner.submitted("lost \(number)")) }
                // Both claims must be through before any lease ends. The second waits: what the other server has taken
                // in it may hear of a moment later.
                let first = try await machine.claimed(15, lease: 5_000)
                let other = try await machine.at(second).claimed(15, lease: 5_000, wait: 3_000)
                #expect(Set((first + other).map(\.job)) == Set(jobs))
                try await eventually("all are back", within: .seconds(20)) {
                    try await farm.owner.jobs().allSatisfy { $0["status"] == "pending" }
                }
                for job in jobs {
                    let back = try await farm.owner.job(job)
                    #expect(back["losses"] == 1)
                    #expect(back["attempts"]?.array?.map { $0["outcome"] } == ["lost"])
                    #expect(back["attempts"]?.array?.map { $0["worker_id"]?.string } == [machine.id])
                }
                try await second.kill()
                let grant = try await machine.take(lease: 1_000)
                try await eventually("the first sweeps alone") {
                    try await farm.owner.job(grant.job)["losses"] == 2
                }
                try await second.start()
                try await farm.server.kill()
                let elsewhere = farm.owner(at: second)
                let last = try await machine.at(second).take(lease: 1_000)
                // It may be the same job, whose third loss in a row is its end.
                try await eventually("the second sweeps alone") {
                    try await elsewhere.job(last.job)["losses"] == (last.job == grant.job ? 3 : 2)
                }
                try await farm.server.start()
            }
        }

        @Test("sixteen that claim at once never get the same job")
        func claimers() async throws {
            try await run { farm, second in
                for part in 0..<2 {
                    let jobs = (0..<1_000).map { number -> JSON in
                        ["title": .string("\(part)-\(number)"), "command": ["true"]]
                    }
                    _ = try await farm.owner.client.post("/api/v1/jobs/batch", ["jobs": .array(jobs)]).expecting(201)
                }
                var machines: [FarmMachine] = []
                for number in 0..<16 {
                    let machine = try await farm.owner.machine("claimer \(number)")
                    machines.append(number.isMultiple(of: 2) ? machine : machine.at(second))
                }
                let grants = try await withThrowingTaskGroup(of: [FarmMachine.Grant].self) { group in
                    for (number, machine) in machines.enumerated() {
                        group.addTask { try await all(of: machine, at: 1 + number % 8) }
                    }
                    return try await group.reduce(into: []) { $0 += $1 }
                }
                #expect(grants.count == 2_000)
                #expect(Set(grants.map(\.job)).count == 2_000)
                #expect(Set(grants.map(\.token)).count == 2_000)
                #expect(grants.allSatisfy { $0.fence == 1 && $0.attempt == 1 })
            }
        }

        /// Claims until nothing has been there for a while.
        private func all(of machine: FarmMachine, at limit: Int) async throws -> [FarmMachine.Grant] {
            var grants: [FarmMachine.Grant] = []
            while true {
                let more = try await machine.claimed(limit, wait: 1_500)
                if more.isEmpty { return grants }
                grants += more
            }
        }
    }
}
