import Domain
import Store
import Support
import Testing

@Suite("Work that a killed daemon lost")
struct LoseTests {
    @Test("counts as a lease that ran out, at once", arguments: TestDatabase.all)
    func counts(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.maxAttempts = 1 }
        let lease = try await lab.claim()
        let before = lab.now
        #expect(try await lab.lose(lease, reason: "killed").returned == 1)
        var job = try #require(try await lab.job(id))
        #expect((job.state, job.losses, job.attempt) == (.scheduled, 1, 1))
        // It rests as long as one that was swept would: between one eighth of a second and a quarter.
        let runAt = try #require(job.runAt)
        #expect((before + 125...lab.now + 250).contains(runAt))
        try await lab.pass(.seconds(1))
        let next = try await lab.claim(by: "another")
        #expect((next.job, next.fence, next.attempt) == (id, 2, 2))
        let attempt = try #require(try await lab.attempts(id).first)
        #expect((attempt.outcome, attempt.error) == ("lost", "killed"))
        try await lab.finish(next)
        job = try #require(try await lab.job(id))
        #expect((job.state, job.losses) == (.completed, 1))
        let event = try #require(try await lab.chain(of: Lab.alice).first { $0.type == "job_lease_lost" })
        #expect(event.actor == lease.worker.id.text)
        #expect(event.metadata.contains(#""reason":"killed""#))
        try await lab.expectBooksBalance()
    }

    @Test("is poison after three in a row, whoever noticed", arguments: TestDatabase.all)
    func poison(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        try await lab.lose(try await lab.claim())
        try await lab.pass(.seconds(5))
        _ = try await lab.claim()
        try await lab.pass(.seconds(90))
        #expect(try await lab.job(id)?.losses == 2)
        let last = try await lab.claim()
        #expect(try await lab.lose(last, reason: "killed again").poisoned == 1)
        let job = try #require(try await lab.job(id))
        #expect((job.state, job.ending?.reason, job.ending?.error) == (.failed, "poison", "killed again"))
        #expect(try await lab.attempts(id).map(\.outcome) == ["lost", "lost", "lost"])
        await #expect(throws: Refusal.jobEnded(id, .failed)) { try await lab.lose(last) }
        try await lab.retry(id)
        #expect(try await lab.attempts(id).last?.error == "killed again")
        try await lab.finish(try await lab.claim())
        try await lab.expectBooksBalance()
    }

    @Test("a reported failure breaks the row", arguments: TestDatabase.all)
    func row(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.backoff = Backoff(initial: 0, factor: 1_000, max: 0) }
        for _ in 0..<2 {
            for _ in 0..<2 {
                try await lab.lose(try await lab.claim())
                try await lab.pass(.seconds(5))
            }
            try await lab.finish(try await lab.claim(), .failure)
            try await lab.promote()
        }
        #expect(try await lab.state(id) == .pending)
        #expect(try await lab.job(id)?.losses == 4)
        try await lab.expectBooksBalance()
    }

    @Test("is believed of the current lease only", arguments: TestDatabase.all)
    func guarded(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let thief = LabLease(lease.grant, try await lab.worker("thief"))
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.lose(thief) }
        #expect(try await lab.state(id) == .running)
        try await lab.lose(lease)
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.lose(lease) }
        #expect(try await lab.job(id)?.losses == 1)
        try await lab.pass(.seconds(5))
        let next = try await lab.claim(by: "another")
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.lose(lease) }
        try await lab.finish(next)
        await #expect(throws: Refusal.jobEnded(id, .completed)) { try await lab.lose(next) }
        #expect(try await lab.job(id)?.losses == 1)
        try await lab.expectBooksBalance()
    }

    @Test("a result and the news of the loss at the same moment: one of them happened", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<20 {
            let id = try await lab.submit()
            let lease = try await lab.claim()
            async let lost = try? lab.lose(lease)
            async let finished = try? lab.finish(lease)
            let wasLost = await lost != nil
            #expect(await finished != nil ? !wasLost : wasLost)
            #expect(try await lab.state(id) == (wasLost ? .scheduled : .completed))
            if wasLost { try await lab.cancel(id) }
        }
        try await lab.expectBooksBalance()
    }
}
