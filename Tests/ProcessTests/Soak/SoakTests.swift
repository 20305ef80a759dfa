import Bytes
import Support
import Testing

/// Two hundred tenants, a tenth of them hostile in all ways at once, workers that die, and a server that is killed
/// (`Ops/chaos/README.md`).
@Suite("A farm with hostile tenants", .serialized, .timeLimit(.minutes(80)), .tags(.timed))
struct SoakTests {
    private static let seconds = ChaosSize.isFull ? 1_800 : 24
    /// Seconds of each of the server's lives.
    private static let life = ChaosSize.isFull ? 60 : 8
    private static let (honest, hostile) = (180, 20)
    /// Milliseconds: ninety-nine in a hundred calls of honest tenants take less. A short run is of a debug build, with
    /// few calls.
    private static let slowest = ChaosSize.isFull ? 250 : 2_500
    private static let environment = [
        "HATCHFARM_MEMBER_RATE": "0", "HATCHFARM_LIVE_JOBS": String(HostileTenant.liveJobs),
    ]

    @Test("loses nothing, keeps its pace and its bounds", arguments: TestDatabase.all)
    func soak(on database: TestDatabase) async throws {
        let seed = ChaosSize.seed
        print("measured: \(Self.seconds) s of 200 tenants on \(database), HATCHFARM_CHAOS_SEED=\(seed)")
        try await Farm.run(on: database, environment: Self.environment) { farm in
            let crowd = try await SoakCrowd(farm, tenants: Self.honest, seed: seed)
            var hostile: [HostileTenant] = []
            for number in 0..<Self.hostile {
                hostile.append(try await HostileTenant.enroll(number, at: farm, crowd.record))
            }
            let watch = ServerWatch(farm.server)
            let watching = Task { await watch.run() }
            defer { watching.cancel() }
            let figures = try await figures(farm)
            crowd.record.noteUp()
            try await crowd.run {
                let attack = Task { [hostile] in
                    await withDiscardingTaskGroup { group in
                        for tenant in hostile { group.addTask { await tenant.run() } }
                    }
                }
                try await restart(farm.server, crowd.record)
                attack.cancel()
                await attack.value
            }
            try await expectAllOnce(crowd)
            expectPace(crowd.record.log)
            try await expectBounds(farm, watch.most, hostile, figures: figures)
        }
    }

    /// Kills and starts the server until the time is over.
    private func restart(_ server: FarmServer, _ record: SoakRecord) async throws {
        let end = ContinuousClock.now + .seconds(Self.seconds)
        while ContinuousClock.now < end {
            try await World.live.sleep(.seconds(Self.life))
            record.noteDown()
            try await server.kill()
            try await server.start()
            record.noteUp()
        }
    }

    /// Each job that was acknowledged has ended once, by one accepted result, and there is no other.
    private func expectAllOnce(_ crowd: SoakCrowd) async throws {
        let log = crowd.record.log
        var (completed, poisoned) = (0, 0)
        let owners = Dictionary(grouping: log.jobs.keys) { log.jobs[$0] ?? "" }
        for tenant in crowd.tenants {
            let expected = Set(owners[tenant.id] ?? [])
            let jobs = try await tenant.jobs()
            let there = Set(jobs.compactMap { $0["id"]?.string })
            #expect(expected.isSubset(of: there), "jobs of \(tenant.id) were acknowledged and are lost")
            let ends = try await tenant.endEvents()
            for job in jobs {
                let (id, status) = (job["id"]?.string ?? "", job["status"]?.string ?? "")
                #expect(ends[id] == 1, "\(id) has ended \(ends[id] ?? 0) times")
                let accepted = log.results[id] ?? 0
                if status == "completed" {
                    completed += 1
                    #expect(accepted == 1, "\(accepted) results of \(id) were accepted")
                } else {
                    // Three dead machines in a row.
                    poisoned += 1
                    #expect(status == "failed" && accepted == 0, "\(id) is \(status), \(accepted) results accepted")
                }
            }
        }
        #expect(log.complaints.isEmpty, "\(log.complaints.count) in all, \(log.complaints.prefix(5))")
        #expect(completed >= Self.seconds * 5)
        print("measured: \(completed) jobs completed, \(poisoned) lost three machines, \(log.abandoned) abandoned")
        print("measured: \(log.unanswered) calls unanswered, \(log.refused) refused while the server was up")
    }

    private func expectPace(_ log: SoakRecord.Log) {
        for call in SoakRecord.Call.allCases {
            let times = (log.times[call] ?? []).sorted()
            #expect(times.count >= Self.seconds, "few calls of \(call) to judge by")
            guard let slowest = times.dropLast(times.count / 100).last else { continue }
            measured("p99 of \(times.count) \(call) calls beside hostile tenants", slowest)
            #expect(slowest < .milliseconds(Self.slowest), "\(call)")
        }
        #expect(log.refused == 0)
    }

    private func expectBounds(
        _ farm: Farm, _ most: ServerWatch.Most, _ hostile: [HostileTenant], figures before: Int
    ) async throws {
        #expect(most.looks > Self.seconds)
        #expect(most.memory <= 300 << 20, "bytes of the server's memory")
        #expect(most.files <= 1_000, "open files of the server")
        let after = try await figures(farm)
        #expect(after <= before + 2_000, "lines of figures, \(before) before")
        // The count of live jobs is a second or two late.
        for tenant in hostile where tenant.deed == .flood {
            var live = 0
            for status in ["pending", "running", "blocked"] { live += try await count(status, of: tenant) }
            #expect(live <= HostileTenant.liveJobs * 2, "live jobs of \(tenant.owner.id)")
        }
        print("measured: \(most.memory >> 20) MiB of its own memory, \(most.files) files, \(after) lines of figures")
    }

    private func count(_ status: String, of tenant: HostileTenant) async throws -> Int {
        var count = 0
        var cursor = ""
        while true {
            let page = try await tenant.owner.client.get("/api/v1/jobs?limit=100&status=\(status)\(cursor)")
                .expecting(200).json
            count += page["jobs"]?.array?.count ?? 0
            guard let next = page["next_cursor"]?.string else { return count }
            cursor = "&cursor=\(next)"
        }
    }

    /// How many lines of figures the operator is given.
    private func figures(_ farm: Farm) async throws -> Int {
        try await farm.owner.client.get("/metrics").expecting(200).text.split(separator: "\n").count
    }
}
