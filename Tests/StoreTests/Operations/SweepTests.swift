import Domain
import Store
import Support
import Testing

@Suite("Sweeping")
struct SweepTests {
    @Test("a lease that ran out goes back to pending, after a short rest", arguments: TestDatabase.all)
    func returned(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        _ = try await lab.claim()
        try await lab.pass(.seconds(55))
        #expect(try await lab.state(id) == .running)
        try await lab.pass(.seconds(6))
        let lease = try await lab.claim(by: "another")
        #expect((lease.job, lease.fence, lease.attempt) == (id, 2, 2))
        let job = try #require(try await lab.job(id))
        #expect(job.losses == 1)
        #expect(try await lab.attempts(id).map(\.outcome) == ["lost", nil])
        try await lab.expectBooksBalance()
    }

    @Test("a round reports what it did, and takes no more than its limit", arguments: TestDatabase.all)
    func limit(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<25).map { _ in Lab.job() })
        let leases = try await lab.claim(upTo: 25)
        try await lab.sweep()
        lab.passUnattended(.seconds(70))
        try await lab.noteRound()
        let sweep = try await lab.sweep(limit: 10)
        #expect((sweep.returned, sweep.poisoned) == (10, 0))
        #expect(sweep.oldest == leases.map(\.visibleUntil).min())
        #expect(Set(sweep.jobs).isSubset(of: Set(leases.map(\.job))))
        #expect(try await lab.sweep(limit: 100).returned == 15)
        #expect(try await lab.sweep(limit: 100).oldest == nil)
        try await lab.expectBooksBalance()
    }

    @Test("three lost workers in a row are poison", arguments: TestDatabase.all)
    func poison(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        for loss in 1...3 as ClosedRange<Int64> {
            _ = try await lab.claim(by: "victim \(loss)")
            try await lab.pass(.seconds(90))
            #expect(try await lab.job(id)?.losses == loss)
        }
        let job = try #require(try await lab.job(id))
        #expect(job.state == .failed)
        #expect(job.ending?.reason == "poison")
        #expect(try await lab.attempts(id).map(\.outcome) == ["lost", "lost", "lost"])
        let last = try await lab.chain(of: Lab.alice).last
        #expect(last?.type == "job_ended")
        #expect(last?.actor == "system")
        try await lab.expectBooksBalance()
    }

    @Test("a reported failure breaks the row", arguments: TestDatabase.all)
    func row(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.backoff = Backoff(initial: 0, factor: 1_000, max: 0) }
        for _ in 0..<2 {
            for _ in 0..<2 {
                _ = try await lab.claim()
                try await lab.pass(.seconds(90))
            }
            try await lab.finish(try await lab.claim(), .failure)
            try await lab.promote()
        }
        let job = try #require(try await lab.job(id))
        #expect((job.state, job.losses) == (.pending, 4))
        try await lab.expectBooksBalance()
    }

    @Test("a job that ended a moment before the sweep stays ended", arguments: TestDatabase.all)
    func ended(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ids = try await lab.submit((0..<4).map { _ in Lab.job { $0.maxAttempts = 1 } })
        let leases = try await lab.claim(upTo: 4)
        try await lab.finish(leases[0])
        try await lab.finish(leases[1], .failure)
        try await lab.cancel(ids[2])
        try await lab.pass(.seconds(180))
        #expect(try await lab.state(ids[0]) == .completed)
        #expect(try await lab.state(ids[1]) == .failed)
        #expect(try await lab.state(ids[2]) == .cancelled)
        #expect(try await lab.state(ids[3]) == .pending)
        try await lab.expectBooksBalance()
    }

    @Test("a sweep passes over what is being finished, and never undoes it", arguments: [TestDatabase.postgres])
    func duringFinish(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim(for: .seconds(20))
        let (finishing, swept) = (Gate(), Gate())
        let report = Report(key: lease.key, outcome: Outcome(status: .success))
        async let finished = lab.database.write { tx in
            let result = try tx.finish([report]).first?.get().state
            finishing.open()
            swept.wait()
            return result
        }
        try await eventually("the result is written") { finishing.isOpen }
        // The rows say running still, and by the sweeper's clock the lease is over.
        lab.passUnattended(.seconds(21))
        try await lab.noteRound()
        lab.passUnattended(.seconds(1))
        let sweep = try await lab.sweep()
        #expect(sweep.returned == 0)
        swept.open()
        #expect(try await finished == .completed)
        #expect(try await lab.sweep().returned == 0)
        #expect(try await lab.state(id) == .completed)
        try await lab.expectBooksBalance()
    }

    @Test("a result that waits for a sweep comes too late", arguments: [TestDatabase.postgres])
    func duringSweep(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim(for: .seconds(30))
        let (sweeping, reported) = (Gate(), Gate())
        // The sweeper's time is half a minute ahead of the reporter's: whatever clocks do, one of them wins whole. Its
        // round is noted after the lease is over by its clock, so that no pause of the machine is an outage to forgive.
        let ahead = try await Lab(database, url: lab.url)
        ahead.passUnattended(.seconds(31))
        try await ahead.noteRound()
        async let swept = ahead.database.write { tx in
            let sweep = try tx.sweep(from: .min, Picking(10))
            sweeping.open()
            reported.wait()
            return sweep.returned
        }
        try await eventually("the sweeper holds the row") { sweeping.isOpen }
        async let answer = try? lab.finish(lease)
        try await lab.untilSomebodyWaits()
        reported.open()
        #expect(try await swept == 1)
        #expect(await answer == nil)
        #expect(try await lab.state(id) == .scheduled)
        try await lab.expectBooksBalance()
    }

    @Test("a rescuer that matches by id alone is caught (River #1302)", arguments: TestDatabase.all)
    func planted(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        try await lab.finish(try await lab.claim())
        // What such a rescuer does: it puts back what it saw running a moment ago.
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, attempt, fence)
                SELECT id, owner_id, class_id, 'pending', 0, 0, 0, max_attempts, 1, 1 FROM jobs WHERE id = \(id.text)
                """)
        }
        await #expect(throws: BooksDoNotBalance.self) { try await lab.expectBooksBalance() }
    }

    @Test("two sweepers at once take each lease once", arguments: TestDatabase.all)
    func two(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        try await lab.submit((0..<200).map { _ in Lab.job() })
        _ = try await lab.claim(upTo: 100)
        _ = try await lab.claim(upTo: 100)
        try await lab.sweep()
        lab.passUnattended(.seconds(70))
        try await lab.noteRound()
        let returned = try await withThrowingTaskGroup(of: Int.self) { group in
            for sweeper in [lab, other, lab, other] {
                group.addTask { try await sweeper.sweep(limit: 500).returned }
            }
            return try await group.reduce(0, +)
        }
        #expect(returned == 200)
        try await lab.expectBooksBalance()
    }
}

extension Lab {
    /// Waits until a statement waits for another's lock.
    func untilSomebodyWaits() async throws {
        let query = """
            SELECT COUNT(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()
            """
        try await eventually("somebody waits for a lock") {
            try await TestDatabase.psql(url, query).contains { $0 != "0" && $0.isNumber }
        }
    }
}
