import Domain
import Engine
import Store
import Support
import Testing

/// A plain queue's claims slow down when an old snapshot keeps PostgreSQL from cleaning up after ended jobs: each
/// claim passes over all dead index entries at the head. The low-water mark begins where the living begin.
@Suite("An old snapshot", .tags(.timed))
struct DeadEntryTests {
    /// The median time of these, in microseconds.
    private func median(_ times: [Duration]) -> Int64 {
        times.map { $0.components.seconds * 1_000_000 + $0.components.attoseconds / 1_000_000_000_000 }
            .sorted()[times.count / 2]
    }

    private func time(_ body: () async throws -> Void) async throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        try await body()
        return clock.now - start
    }

    /// Drains so many jobs by hundreds; returns how long each claim took.
    private func drain(_ process: LabProcess, _ count: Int) async throws -> [Duration] {
        var times: [Duration] = []
        for _ in 0..<(count / 100) {
            var leases: [LabLease] = []
            times.append(try await time { leases = try await process.claim(upTo: 100) })
            #expect(leases.count == 100)
            let reports = leases.map { Report(key: $0.key, outcome: Outcome(status: .success)) }
            for result in try await process.broker.finish(reports) { _ = try result?.get() }
        }
        return times
    }

    @Test("left open costs claims nothing", arguments: [TestDatabase.postgres])
    func snapshot(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let process = LabProcess(lab)
        for _ in 0..<25 { try await process.submit((0..<1_000).map { _ in Lab.job() }) }
        async let holder = try? TestDatabase.psql(
            lab.url, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1; SELECT pg_sleep(600) /* old snapshot */")
        try await eventually("the snapshot is held") {
            try await TestDatabase.psql(
                lab.url,
                """
                SELECT COUNT(*) FROM pg_stat_activity WHERE backend_xmin IS NOT NULL
                    AND query LIKE '%old snapshot%' AND pid <> pg_backend_pid()
                """
            ).contains("1")
        }
        let times = try await drain(process, 20_000)
        // The best of each: what else the machine had to do at one time or the other doesn't count.
        let (first, last) = (try #require(times[5..<45].min()), try #require(times.suffix(40).min()))
        #expect(last <= first * 2, "a claim took \(first) at first and \(last) after 20,000")

        // What the mark is for: from the very beginning, the same claim passes over all of the dead. In turns, for the
        // same reason.
        let worker = try await lab.worker("worker")
        lab.hints.know([Lab.job()])
        var marked: [Duration] = []
        var full: [Duration] = []
        for _ in 0..<9 {
            marked += try await drain(process, 100)
            let (claim, hints) = (Lab.claim(by: worker, upTo: 100), lab.hints.claim)
            full.append(try await time { _ = try await lab.database.write { try $0.claim(claim, hints: hints) } })
        }
        #expect(median(full) > median(marked))
        try await TestDatabase.psql(
            lab.url,
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE query LIKE '%old snapshot%' AND pid <> pg_backend_pid()
            """)
        _ = await holder
    }
}
