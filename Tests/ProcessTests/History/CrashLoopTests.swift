import Bytes
import Support
import Testing

extension OneByOne {
    @Suite("A server that is killed again and again")
    struct CrashLoop {
        @Test("keeps every promise to everybody who calls it", arguments: TestDatabase.all)
        func crashes(on database: TestDatabase) async throws {
            let seed = World.live.random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            try await Farm.run(on: database) { farm in
                let load = try await MixedLoad(farm, workers: 4, seed: seed)
                var chance = Chance(seed: seed)
                try await load.run {
                    for _ in 0..<10 {
                        try await World.live.sleep(.milliseconds(150 + chance.next(upTo: 700)))
                        try await farm.server.kill()
                        try await farm.server.start()
                    }
                }
                let operations = load.history.operations
                let checker = Checker(
                    operations, ended: try await endedJobs(of: farm.owner), maxAttempts: MixedLoad.maxAttempts)
                let violations = checker.violations
                print("measured: \(operations.count) calls, \(checker.ended.count) jobs, ten crashes, \(database)")
                #expect(violations.isEmpty, "seed \(seed): \(violations)")
                // It was a history worth checking.
                #expect(operations.count { if case .unknown = $0.outcome { true } else { false } } >= 20)
                #expect(checker.ended.count >= 100)
                #expect(checker.grants.values.contains { $0.count > 1 })
            }
        }

        private func endedJobs(of owner: FarmOwner) async throws -> [EndedJob] {
            var jobs: [EndedJob] = []
            for summary in try await owner.jobs() {
                guard let id = summary["id"]?.string else { continue }
                let job = try await owner.job(id)
                let attempts = (job["attempts"]?.array ?? []).map { attempt in
                    EndedJob.Attempt(
                        fence: attempt["fence"]?.int ?? 0, outcome: attempt["outcome"]?.string ?? "")
                }
                jobs.append(
                    EndedJob(
                        id: id, title: job["name"]?.string ?? "", status: job["status"]?.string ?? "",
                        attempts: attempts))
            }
            return jobs
        }
    }
}
