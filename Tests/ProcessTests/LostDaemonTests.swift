import Bytes
import Glibc
import Support
import Testing

/// The daemons' own leases last a minute, and nobody hurries them: these tests mostly wait, beside the others.
@Suite("A daemon that is gone", .timeLimit(.minutes(3)))
struct LostDaemonTests {
    private static let work: [JSON.Member] = [
        .init("command", ["sh", "-c", "echo begun; sleep 4; echo done"]), .init("max_attempts", 1),
    ]

    /// A job that the first of two daemons works on; the second is idle.
    private func begun(_ farm: Farm) async throws -> (job: String, first: FarmDaemon, second: FarmDaemon) {
        let first = try await FarmDaemon("first", for: farm.owner)
        let job = try await farm.owner.submitted("watched", Self.work)
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
        let lease = try await farm.owner.job(job)["visible_until"]?.string.flatMap { RFC3339.parse($0) }
        let until = try #require(lease)
        try await eventually("the job runs elsewhere", within: .seconds(90)) {
            let now = try await farm.owner.job(job)
            return now["attempt"] == 2 && now["status"] == "running"
        }
        return World.live.now() - until
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
        #expect(try await farm.owner.count(of: "job_ended", job) == 1)
    }

    @Test(
        "a daemon killed at work leaves no process, and its job ends once, elsewhere", arguments: TestDatabase.all)
    func killed(on database: TestDatabase) async throws {
        try await Farm.run(on: database) { farm in
            let (job, first, second) = try await begun(farm)
            first.signal(SIGKILL)
            _ = try await first.end()
            let late = try await takenOver(job, farm)
            #expect((0...2_000).contains(late), "\(late) ms after the lease ended")
            try await expectEndedOnce(job, by: second, farm)
            second.signal(SIGTERM)
            #expect(try await second.end() == .exited(0))
        }
    }

    @Test("a daemon that slept past its lease changes nothing when it wakes up", arguments: TestDatabase.all)
    func stopped(on database: TestDatabase) async throws {
        try await Farm.run(on: database) { farm in
            let (job, first, second) = try await begun(farm)
            first.signal(SIGSTOP)
            #expect(try await (0...2_000).contains(takenOver(job, farm)))
            try await expectEndedOnce(job, by: second, farm)
            let before = try await farm.owner.job(job)
            first.signal(SIGCONT)
            try await eventually("the first has understood") { first.said.contains("\(job) lost") }
            #expect(try await farm.owner.job(job) == before)
            #expect(try await farm.owner.count(of: "job_ended", job) == 1)
            // It works on as if nothing had been.
            second.signal(SIGTERM)
            #expect(try await second.end() == .exited(0))
            let next = try await farm.owner.submitted("next", [.init("command", ["true"])])
            try await eventually("the first works again", within: .seconds(30)) {
                try await farm.owner.status(of: next) == "completed"
            }
        }
    }
}
