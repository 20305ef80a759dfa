import Bytes
import Glibc
import Support
import Testing

/// Each mostly waits for a lease, a heartbeat or a job.
@Suite("A daemon that must stop a job, or stop", .serialized, .timeLimit(.minutes(5)), .tags(.timed))
struct StopTests {
    /// One job that has begun, on one daemon.
    private struct Begun {
        let job: String
        let daemon: FarmDaemon
        /// All that the daemon has started.
        let processes: [RunningProcess]
        /// The name of the daemon's life.
        let lives: Set<String>

        init(_ farm: Farm, seconds: Int, lease: Int = 60) async throws {
            // One job at once: else its next claim waits at the server, and gets what it has lost itself.
            daemon = try await FarmDaemon("stops", for: farm.owner, ["--jobs", "1", "--lease-seconds", "\(lease)"])
            let job = try await farm.owner.submitted(
                "stopped", [.init("command", ["sh", "-c", .string("echo begun; sleep \(seconds); echo done")])])
            try await eventually("the job has begun", within: .seconds(60)) {
                let logs = try await farm.owner.client.get("/api/v1/jobs/\(job)/logs").expecting(200).json["logs"]
                return logs?.array?.isEmpty == false
            }
            self.job = job
            processes = RunningProcess.descendants(of: daemon.pid)
            #expect(processes.count >= 2)
            lives = Set(DaemonTraces(in: daemon.state, output: "").lives)
            #expect(lives.count == 1)
        }

        /// How long it takes from now until nothing of the job runs.
        func gone(within limit: Duration) async throws -> Duration {
            let start = ContinuousClock.now
            try await eventually("the job's processes are gone", within: limit) { !processes.contains { $0.isAlive } }
            return ContinuousClock.now - start
        }

        func drain() async throws {
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0), "\(daemon.said)")
            expectNothingLeft()
        }

        func expectNothingLeft() {
            #expect(DaemonTraces.leftovers(in: daemon.state).isEmpty)
            #expect(DaemonTraces.controlGroups(of: lives).isEmpty)
        }
    }

    private func attempts(_ job: String, _ farm: Farm) async throws -> [JSON] {
        try await farm.owner.job(job)["attempts"]?.array ?? []
    }

    @Test("SIGTERM lets what runs end, takes nothing more, and leaves nothing")
    func drain() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 3)
            begun.daemon.signal(SIGTERM)
            let later = try await farm.owner.submitted("not for this one")
            #expect(try await begun.daemon.end() == .exited(0))
            #expect(try await farm.owner.status(of: begun.job) == "completed")
            #expect(try await attempts(begun.job, farm).map { $0["outcome"] } == ["success"])
            #expect(try await farm.owner.job(later)["status"] == "pending")
            begun.expectNothingLeft()
        }
    }

    @Test("a second SIGTERM kills and gives back at once, and the attempt doesn't count")
    func secondSignal() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 90)
            begun.daemon.signal(SIGTERM)
            try await eventually("it drains") { begun.daemon.said.contains("draining, 1 running") }
            begun.daemon.signal(SIGTERM)
            measured("processes gone after a second SIGTERM", try await begun.gone(within: .seconds(10)))
            #expect(try await begun.daemon.end(within: .seconds(10)) == .exited(0))
            let job = try await farm.owner.job(begun.job)
            #expect(job["status"] == "pending" && job["losses"] == 0)
            #expect(try await attempts(begun.job, farm).map { $0["outcome"] } == ["released"])
            let next = try await farm.owner.machine().take()
            #expect(next.job == begun.job && next.attempt == 1 && next.fence > 1)
            begun.expectNothingLeft()
        }
    }

    @Test("SIGKILL takes the job with it, and the next life tells the server at once, with the reason")
    func killed() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 5)
            begun.daemon.signal(SIGKILL)
            measured("processes gone after SIGKILL", try await begun.gone(within: .seconds(2)))
            #expect(try await begun.daemon.end() == .killed(by: SIGKILL))
            let start = ContinuousClock.now
            let next = try await FarmDaemon("stops", for: farm.owner, state: begun.daemon.state)
            #expect(next.id == begun.daemon.id)
            try await eventually("the server knows", within: .seconds(15)) {
                try await attempts(begun.job, farm).first?["outcome"] == "lost"
            }
            measured("the server knows of the loss after the restart", ContinuousClock.now - start)
            #expect(try await attempts(begun.job, farm).first?["error"]?.string?.contains("killed") == true)
            try await eventually("the job ends", within: .seconds(30)) {
                try await farm.owner.status(of: begun.job) == "completed"
            }
            #expect(try await attempts(begun.job, farm).map { $0["outcome"] } == ["lost", "success"])
            next.signal(SIGTERM)
            #expect(try await next.end() == .exited(0))
            #expect(DaemonTraces.leftovers(in: next.state).isEmpty)
        }
    }

    @Test("what its owner cancels is dead within seconds, however long the lease, and the daemon works on")
    func cancelled() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 90)
            _ = try await farm.owner.client.delete("/api/v1/jobs/\(begun.job)").expecting(200, 204)
            measured("processes gone after a cancel", try await begun.gone(within: .seconds(7)))
            #expect(try await farm.owner.status(of: begun.job) == "cancelled")
            let next = try await farm.owner.submitted("next")
            try await eventually("it works on", within: .seconds(20)) {
                try await farm.owner.status(of: next) == "completed"
            }
            #expect(begun.daemon.said.contains("\(begun.job) cancelled"))
            try await begun.drain()
        }
    }

    @Test("without its owner's consent nothing runs on, and nothing is claimed")
    func revoked() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 90)
            let list = try await farm.owner.client.get("/api/v1/consents").expecting(200)
            let consents = (list.data["consents"] ?? list.json["consents"])?.array ?? []
            let consent = consents.first { $0["worker_id"]?.string == begun.daemon.id }?["id"]?.string
            _ = try await farm.owner.client.post("/api/v1/consents/\(try #require(consent))/revoke", [:]).expecting(200)
            measured("processes gone after a revoked consent", try await begun.gone(within: .seconds(7)))
            #expect(try await farm.owner.status(of: begun.job) == "pending")
            try await World.live.sleep(.seconds(2))
            #expect(try await farm.owner.status(of: begun.job) == "pending")
            try await begun.drain()
        }
    }

    @Test("one that slept through its lease kills the job within a second of waking, whoever has it now")
    func asleep() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let begun = try await Begun(farm, seconds: 30, lease: 4)
            let other = try await FarmDaemon("awake", for: farm.owner)
            begun.daemon.signal(SIGSTOP)
            try await eventually("the job runs elsewhere", within: .seconds(20)) {
                try await attempts(begun.job, farm).map { $0["outcome"] } == ["lost", .null]
            }
            #expect(begun.processes.contains { $0.isAlive })
            begun.daemon.signal(SIGCONT)
            measured("processes gone after waking without a lease", try await begun.gone(within: .seconds(10)))
            try await eventually("the job ends elsewhere", within: .seconds(60)) {
                try await farm.owner.status(of: begun.job) == "completed"
            }
            let ended = try await attempts(begun.job, farm)
            #expect(ended.map { $0["outcome"] } == ["lost", "success"])
            #expect(ended.last?["worker_id"]?.string == other.id)
            #expect(try await farm.owner.endEvents()[begun.job] == 1)
            try await begun.drain()
            other.signal(SIGTERM)
            #expect(try await other.end() == .exited(0))
        }
    }
}
