import Bytes
import Support
import Testing

extension OneByOne {
    @Suite("A worker that is gone")
    struct LostWorker {
        @Test(
            "its job runs elsewhere within the lease's remainder and two seconds, fenced higher, and ends once",
            arguments: TestDatabase.all)
        func dead(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                let (dead, idle) = try await (farm.owner.machine("dead"), farm.owner.machine("idle"))
                var delays: [Int64] = []
                for _ in 0..<3 { delays.append(try await takenOver(farm, from: dead, by: idle)) }
                // Never before the lease's end; and the machine may pause now and then, but not each time.
                #expect(delays.allSatisfy { $0 >= 0 }, "\(delays) ms after the leases ended")
                let best = try #require(delays.min())
                measured("a dead worker's job elsewhere, after its lease, \(database)", .milliseconds(best))
                #expect(best <= 2_000, "\(delays) ms after the leases ended")
            }
        }

        /// Lets one take a job and the other end it; returns how long after the lease's end it was granted again, in
        /// milliseconds.
        private func takenOver(_ farm: Farm, from dead: FarmMachine, by idle: FarmMachine) async throws -> Int64 {
            let job = try await farm.owner.submitted("left behind")
            let lost = try await dead.take(lease: 2_000)
            let taken = try await idle.take()
            #expect(taken.job == job && taken.fence > lost.fence && taken.attempt == lost.attempt + 1)

            _ = try await dead.finish(lost, output: "too late").expecting(403)
            _ = try await idle.finish(taken, output: "done").expecting(200)
            _ = try await dead.finish(lost, output: "too late").expecting(409)
            let ended = try await farm.owner.job(job)
            #expect(ended["status"] == "completed" && ended["result"]?["output"] == "done")
            #expect(ended["losses"] == 1)
            #expect(ended["attempts"]?.array?.map { $0["outcome"] } == ["lost", "success"])
            #expect(try await farm.owner.endEvents()[job] == 1)
            let start = ended["attempts"]?.array?.last?["started_at"]?.string.flatMap { RFC3339.parse($0) }
            return try #require(start) - lost.visibleUntil
        }

        @Test("one that slept past its lease is refused everything, and changes nothing", arguments: TestDatabase.all)
        func asleep(on database: TestDatabase) async throws {
            try await Farm.run(on: database) { farm in
                let (asleep, awake) = try await (farm.owner.machine("asleep"), farm.owner.machine("awake"))
                let job = try await farm.owner.submitted("taken over")
                let lost = try await asleep.take(lease: 1_000)
                let taken = try await awake.take()
                _ = try await awake.progress(taken, log: "mine\n").expecting(200)
                let before = try await (farm.owner.job(job), logs(of: job, farm))

                for reply in [
                    try await asleep.finish(lost), try await asleep.finish(lost, "failure"),
                    try await asleep.extend(lost, by: 60_000), try await asleep.progress(lost, log: "no, mine\n"),
                    try await asleep.keep("out.txt", of: lost, [1, 2, 3]), try await asleep.release(lost),
                    // Nor with the right token from the wrong machine.
                    try await asleep.finish(taken), try await asleep.extend(taken, by: 60_000),
                ] {
                    #expect(reply.status == 403)
                    #expect(reply.json["success"] == false && reply.json["code"] == "lease_lost")
                }

                #expect(try await farm.owner.job(job) == before.0)
                #expect(try await logs(of: job, farm) == before.1)
                _ = try await awake.finish(taken, output: "mine").expecting(200)
                #expect(try await farm.owner.job(job)["result"]?["output"] == "mine")
            }
        }

        private func logs(of job: String, _ farm: Farm) async throws -> JSON {
            try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json
        }
    }
}
