import Bytes
import Glibc
import Support
import Testing

/// The daemons' own leases last a minute, and nobody hurries them: this mostly waits, beside the other tests.
@Suite("A daemon that is gone", .timeLimit(.minutes(3)))
struct LostDaemonTests {
    /// A job that the first of two daemons works on; the second is idle.
    private func begun(_ farm: Farm) async throws -> (job: String, first: FarmDaemon, second: FarmDaemon) {
        let first = try await FarmDaemon("first", for: farm.owner)
        let job = try await farm.owner.submitted(
            "watched",
            [
                .init("command", ["sh", "-c", .string("echo begun; sleep \(farm.nap); echo done")]),
                .init("max_attempts", 1),
            ])
        try await eventually("the job has begun", within: .seconds(60)) {
            try await log(of: job, farm).contains("begun")
        }
        return (job, first, try await FarmDaemon("second", for: farm.owner))
    }

    private func log(of job: String, _ farm: Farm) async throws -> String {
        let logs = try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json["logs"]
        return (logs?.array ?? []).compactMap { $0["text"]?.string }.joined()
    }

    /// Waits until the second attempt runs; returns how long after the first one's lease had ended, in milliseconds.
    private func takenOver(_ job: String, _ farm: Farm) async throws -> Int64 {
        // What the first one had sent before its end may yet extend the lease.
        try await World.live.sleep(.seconds(1))
        let lease = try await farm.owner.job(job)["visible_until"]?.string.flatMap { RFC3339.parse($0) }
        let until = try #require(lease)
        try await eventually("the job runs elsewhere", within: .seconds(90)) {
            let now = try await farm.owner.job(job)
            return now["attempt"] == 2 && now["status"] == "running"
        }
        let attempts = try await farm.owner.job(job)["attempts"]?.array ?? []
        let start = attempts.last?["started_at"]?.string.flatMap { RFC3339.parse($0) }
        #expect(attempts.count == 2)
        return try #require(start) - until
    }

    private func expectEndedOnce(_ job: String, by daemon: FarmDaemon, _ farm: Farm) async throws {
        try await eventually("the job ends", within: .seconds(60)) {
            try await farm.owner.status(of: job) == "completed"
        }
        let attempts = try await farm.owner.job(job)["attempts"]?.array ?? []
        #expect(attempts.map { $0["outcome"] } == ["lost", "success"])
        #expect(attempts.last?["worker_id"]?.string == daemon.id)
        let fences = attempts.compactMap { $0["fence"]?.int }
        #expect(fences.count == 2 && fences == fences.sorted() && Set(fences).count == 2)
        #expect(try await farm.owner.endEvents()[job] == 1)
    }

    @Test("killed, it leaves no process, and its job ends once, elsewhere; asleep past its lease, it changes nothing")
    func gone() async throws {
        // All at once: a minute is enough for them all.
        let delays = try await withThrowingTaskGroup(of: (TestDatabase, Int64).self) { group in
            for database in TestDatabase.all {
                group.addTask { (database, try await killed(on: database)) }
                group.addTask { (database, try await asleep(on: database)) }
            }
            return try await group.reduce(into: [:]) { $0[$1.0, default: []].append($1.1) }
        }
        for (database, late) in delays {
            // Never before the lease's end; and the machine may pause at one of the two, but not at both.
            #expect(late.count == 2 && late.allSatisfy { $0 >= 0 }, "\(late) ms after the leases ended, \(database)")
            #expect(late.contains { $0 <= 2_000 }, "\(late) ms after the leases ended, \(database)")
        }
    }

    /// Both return how long after the lease's end the job ran elsewhere, in milliseconds.
    private func killed(on database: TestDatabase) async throws -> Int64 {
        var late: Int64 = -1
        try await Farm.run(on: database) { farm in
            let (job, first, second) = try await begun(farm)
            first.signal(SIGKILL)
            #expect(try await first.end() == .killed(by: SIGKILL))
            try await eventually("what it ran has died with it") { ProcessTable.count("sleep \(farm.nap)") == 0 }
            late = try await takenOver(job, farm)
            measured("a killed daemon's job elsewhere, after its lease, \(database)", .milliseconds(late))
            try await expectEndedOnce(job, by: second, farm)
            second.signal(SIGTERM)
            #expect(try await second.end() == .exited(0))
        }
        return late
    }

    private func asleep(on database: TestDatabase) async throws -> Int64 {
        var late: Int64 = -1
        try await Farm.run(on: database) { farm in
            let (job, first, second) = try await begun(farm)
            first.signal(SIGSTOP)
            late = try await takenOver(job, farm)
            try await expectEndedOnce(job, by: second, farm)
            let before = try await farm.owner.job(job)
            first.signal(SIGCONT)
            try await eventually("the first has understood", within: .seconds(30)) {
                first.said.contains("\(job) lost")
            }
            #expect(try await farm.owner.job(job) == before)
            #expect(try await farm.owner.endEvents()[job] == 1)
            // It works on as if nothing had been.
            second.signal(SIGTERM)
            #expect(try await second.end() == .exited(0))
            let next = try await farm.owner.submitted("next")
            try await eventually("the first works again", within: .seconds(30)) {
                try await farm.owner.status(of: next) == "completed"
            }
        }
        return late
    }
}

extension Farm {
    /// Seconds that its jobs sleep, written so that they can be found among all processes.
    fileprivate var nap: String { "4.\(server.port)" }
}
