import Domain
import Store
import Support
import Testing

@Suite("Releasing, cancelling, retrying")
struct EndingTests {
    @Test("a release refunds the attempt and not the fence", arguments: TestDatabase.all)
    func release(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.maxAttempts = 1 }
        for fence in 1...4 as ClosedRange<Int64> {
            let lease = try await lab.claim()
            #expect((lease.fence, lease.attempt) == (fence, 1))
            try await lab.release(lease)
            await #expect(throws: Refusal.leaseLost(id)) { try await lab.release(lease) }
            try await lab.promote()
        }
        #expect(try await lab.finish(try await lab.claim(), .failure).state == .failed)
        #expect(try await lab.attempts(id).map(\.outcome).prefix(4).allSatisfy { $0 == "released" })
        try await lab.expectBooksBalance()
    }

    @Test("a released job keeps its place", arguments: TestDatabase.all)
    func place(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ids = try await lab.submit((0..<3).map { _ in Lab.job() })
        let lease = try await lab.claim()
        #expect(lease.job == ids[0])
        try await lab.release(lease)
        try await lab.promote()
        #expect(try await lab.claim().job == ids[0])
    }

    @Test("a job can be cancelled wherever it stands", arguments: TestDatabase.all)
    func everywhere(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let running = try await lab.submit()
        let lease = try await lab.claim()
        let pending = try await lab.submit()
        let future = lab.now + 60_000
        let scheduled = try await lab.submit { $0.runAt = future }
        let blocked = try await lab.submit { $0.dependsOn = [pending] }
        for id in [blocked, scheduled, pending, running] {
            try await lab.cancel(id)
            let job = try #require(try await lab.job(id))
            #expect(job.state == .cancelled)
            #expect(job.ending?.reason == "cancelled")
            await #expect(throws: Refusal.jobEnded(id, .cancelled)) { try await lab.cancel(id) }
        }
        await #expect(throws: Refusal.jobEnded(running, .cancelled)) { try await lab.finish(lease) }
        await #expect(throws: Refusal.jobEnded(running, .cancelled)) { try await lab.release(lease) }
        try await lab.pass(.seconds(120))
        #expect(try await lab.claim(upTo: 10).isEmpty)
        #expect(try await lab.attempts(running).map(\.outcome) == ["cancelled"])
        try await lab.expectBooksBalance()
    }

    @Test("what ended otherwise can't be cancelled, nor what is another's", arguments: TestDatabase.all)
    func refusals(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        await #expect(throws: Refusal.notFound("job")) { try await lab.cancel(id, by: Lab.bob) }
        try await lab.finish(try await lab.claim())
        await #expect(throws: Refusal.jobEnded(id, .completed)) { try await lab.cancel(id) }
        await #expect(throws: Refusal.notFound("job")) { try await lab.cancel(id, by: Lab.bob) }
        await #expect(throws: Refusal.notFound("job")) { try await lab.retry(id, by: Lab.bob) }
        #expect(try await lab.state(id) == .completed)
    }

    @Test("the log says who cancelled", arguments: TestDatabase.all)
    func actor(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let pending = try await lab.submit(priority: 0)
        let waiting = try await lab.submit { $0.dependsOn = [pending] }
        let running = try await lab.submit()
        _ = try await lab.claim()
        try await lab.cancel(running)
        try await lab.cancel(pending)
        let endings = try await lab.chain(of: Lab.alice).filter { $0.type == "job_ended" }
        let actors = Dictionary(endings.map { ($0.object, $0.actor) }) { first, _ in first }
        #expect(actors == [running.text: "alice", pending.text: "alice", waiting.text: "system"])
    }

    @Test("a worker is told at its heartbeat what was cancelled, for twelve hours", arguments: TestDatabase.all)
    func notices(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        try await lab.cancel(id)
        let worker = lease.worker
        func heartbeat(_ nonce: String) async throws -> Set<JobID> {
            try await lab.database.write { tx in
                try tx.heartbeat(
                    worker: worker.id, owner: worker.owner, policy: worker.policy, nonce: nonce, nonceLifetime: 180_000,
                    metrics: "{}")
            }
        }
        #expect(try await heartbeat("1") == [id])
        #expect(try await heartbeat("2") == [id])
        await #expect(throws: Refusal.nonceSeen) { try await heartbeat("2") }
        lab.passUnattended(.seconds(12 * 3_600 + 1))
        #expect(try await heartbeat("3").isEmpty)
        // Two nonces that served their time, and the notice.
        #expect(try await lab.database.write { try $0.prune(limit: 100, keysOlderThan: 0) } == 3)
        #expect(try await lab.database.write { try $0.prune(limit: 100, keysOlderThan: 0) } == 0)
    }

    @Test("a failed job can be tried again, with all its attempts anew", arguments: TestDatabase.all)
    func retry(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit {
            $0.maxAttempts = 2
            $0.backoff = Backoff(initial: 0, factor: 1_000, max: 0)
        }
        for round in 0..<3 as Range<Int64> {
            for attempt in 1...2 as ClosedRange<Int64> {
                let lease = try await lab.claim()
                #expect((lease.fence, lease.attempt) == (2 * round + attempt, 2 * round + attempt))
                #expect(try await lab.finish(lease, .failure).state == (attempt == 1 ? .pending : .failed))
                try await lab.promote()
            }
            try await lab.retry(id)
            #expect(try await lab.state(id) == .pending)
        }
        try await lab.finish(try await lab.claim())
        #expect(try await lab.attempts(id).map(\.fence) == Array(1...7))
        #expect(try await lab.attempts(id).map(\.outcome) == Array(repeating: "failure", count: 6) + ["success"])
        try await lab.expectBooksBalance()
    }

    @Test("a poisoned job can be tried again, and may lose three workers anew", arguments: TestDatabase.all)
    func retryPoison(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        for _ in 0..<3 {
            _ = try await lab.claim()
            try await lab.pass(.seconds(90))
        }
        #expect(try await lab.state(id) == .failed)
        try await lab.retry(id)
        _ = try await lab.claim()
        try await lab.pass(.seconds(90))
        #expect(try await lab.state(id) == .pending)
        #expect(try await lab.job(id)?.losses == 4)
        try await lab.finish(try await lab.claim())
        try await lab.expectBooksBalance()
    }

    @Test("only a failed job can be tried again", arguments: TestDatabase.all)
    func noRetry(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        await #expect(throws: Refusal.wrongState("the job has not failed; only a failed one can be retried")) {
            try await lab.retry(id)
        }
        await #expect(throws: Refusal.notFound("job")) { try await lab.retry(JobID("none")) }
        try await lab.cancel(id)
        await #expect(throws: Refusal.jobEnded(id, .cancelled)) { try await lab.retry(id) }
        let other = try await lab.submit()
        try await lab.finish(try await lab.claim())
        await #expect(throws: Refusal.jobEnded(other, .completed)) { try await lab.retry(other) }
        try await lab.expectBooksBalance()
    }

    @Test("cancel and result at the same moment: one of them happened", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<30 {
            let id = try await lab.submit()
            let lease = try await lab.claim()
            async let cancelled: Void? = try? lab.cancel(id)
            async let finished = try? lab.finish(lease)
            let wasCancelled = await cancelled != nil
            let wasFinished = await finished != nil
            #expect(wasCancelled != wasFinished)
            #expect(try await lab.state(id) == (wasCancelled ? .cancelled : .completed))
        }
        try await lab.expectBooksBalance()
    }
}
