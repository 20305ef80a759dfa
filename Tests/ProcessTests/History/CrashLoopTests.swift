import Bytes
import Glibc
import Support
import Testing

extension OneByOne {
    @Suite("Servers that are killed again and again")
    struct CrashLoop {
        @Test("one keeps every promise to everybody who calls it", arguments: TestDatabase.all)
        func crashes(on database: TestDatabase) async throws {
            let seed = Self.seed()
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
                try await expectPromisesKept(load, farm, "ten crashes on \(database), seed \(seed)")
            }
        }

        private enum Fault: CaseIterable { case crash, otherCrash, freeze, crashOfPostgres, freezeOfPostgres }

        @Test("two keep them together, with a PostgreSQL that fares no better")
        func storm() async throws {
            let seed = Self.seed()
            let postgres = try await ThrowawayPostgres()
            try await postgres.start()
            try await Farm.run(at: postgres.url()) { farm in
                let other = FarmServer(database: postgres.url())
                try await other.start()
                let load = try await MixedLoad(farm, also: [other], workers: 4, seed: seed)
                var chance = Chance(seed: seed)
                try await load.run {
                    for fault in (Fault.allCases + Fault.allCases).shuffled(using: &chance) {
                        try await World.live.sleep(.milliseconds(100 + chance.next(upTo: 500)))
                        let pause = Duration.milliseconds(100 + chance.next(upTo: 1_400))
                        try await suffer(fault, for: pause, farm.server, other, postgres)
                    }
                }
                try await expectPromisesKept(load, farm, "ten faults, seed \(seed)")
                try await other.kill()
                #expect(other.complaints.isEmpty)
            }
        }

        private func suffer(
            _ fault: Fault, for pause: Duration, _ server: FarmServer, _ other: FarmServer,
            _ postgres: ThrowawayPostgres
        ) async throws {
            switch fault {
            case .crash, .otherCrash:
                let victim = fault == .crash ? server : other
                try await victim.kill()
                try await World.live.sleep(pause)
                try await victim.start()
            case .freeze:
                server.signal(SIGSTOP)
                try await World.live.sleep(pause)
                server.signal(SIGCONT)
            case .crashOfPostgres:
                try await postgres.kill()
                try await World.live.sleep(pause)
                try await postgres.start()
                #expect(server.isRunning && other.isRunning)
            case .freezeOfPostgres:
                postgres.pause()
                try await World.live.sleep(pause)
                postgres.resume()
            }
        }

        private static func seed() -> UInt64 { World.live.random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) } }

        private func expectPromisesKept(_ load: MixedLoad, _ farm: Farm, _ what: String) async throws {
            let operations = load.history.operations
            let checker = Checker(
                operations, ended: try await endedJobs(of: farm.owner), maxAttempts: MixedLoad.maxAttempts)
            print("measured: \(operations.count) calls, \(checker.ended.count) jobs, \(what)")
            let violations = checker.violations
            #expect(violations.isEmpty, "\(what): \(violations)")
            // It was a history worth checking.
            #expect(operations.count { if case .unknown = $0.outcome { true } else { false } } >= 20)
            #expect(checker.ended.count >= 50)
            #expect(checker.grants.values.contains { $0.count > 1 })
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
