import Domain
import Store
import Support
import Testing

@Suite("Finishing")
struct FinishTests {
    private let result = Outcome(
        status: .success, exitCode: 0, output: "42\n", error: nil, durationMilliseconds: 1_234)

    /// 409: the attempt ended otherwise, which stays.
    private func expectOtherOutcome(_ body: () async throws -> Finished) async {
        let refusal = await #expect(throws: Refusal.self) { _ = try await body() }
        guard case .wrongState = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
    }

    @Test("a success completes the job, with what its worker brought", arguments: TestDatabase.all)
    func success(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let finished = try await lab.finish(lease, result)
        #expect((finished.state, finished.attempt, finished.fence) == (.completed, 1, 1))
        #expect(!finished.freesOthers)
        let job = try #require(try await lab.job(id))
        #expect(job.state == .completed)
        #expect(job.worker == lease.worker.id)
        #expect(job.ending?.output == "42\n")
        #expect(job.ending?.exitCode == 0)
        #expect(job.ending?.durationMilliseconds == 1_234)
        #expect(job.ending?.reason == nil)
        #expect(try await lab.attempts(id).map(\.outcome) == ["success"])
        #expect(try await lab.chain(of: Lab.alice).map(\.type) == ["jobs_submitted", "jobs_claimed", "job_ended"])
        try await lab.expectBooksBalance()
    }

    @Test("a worker whose lease was taken away cannot finish the job", arguments: TestDatabase.all)
    func staleClaim(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let job = try await lab.submit(.compute)
        let slow = try await lab.claim(by: "slow")
        try await lab.pass(.seconds(90))
        let fast = try await lab.claim(by: "fast")
        await #expect(throws: Refusal.leaseLost(job)) { try await lab.finish(slow) }
        try await lab.finish(fast)
        #expect(fast.fence > slow.fence)
        await #expect(throws: Refusal.jobEnded(job, .completed)) { try await lab.finish(slow) }
        try await lab.expectBooksBalance()
    }

    @Test("a result is accepted once, and its repetition answered as it was", arguments: TestDatabase.all)
    func replay(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let first = try await lab.finish(lease, result)
        let again = try await lab.finish(lease, .success)
        #expect((again.state, again.attempt, again.fence) == (first.state, first.attempt, first.fence))
        for other in [Outcome.Status.failure, .timeout] {
            await #expect(throws: Refusal.jobEnded(id, .completed)) { try await lab.finish(lease, other) }
        }
        #expect(try await lab.job(id)?.ending?.output == "42\n")
        #expect(try await lab.chain(of: Lab.alice).count == 3)
        try await lab.expectBooksBalance()
    }

    @Test("a failed attempt's report is answered as it was, also when the job runs again", arguments: TestDatabase.all)
    func replayOfFailure(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let first = try await lab.claim()
        #expect(try await lab.finish(first, .failure).state == .pending)
        await expectOtherOutcome { try await lab.finish(first) }
        try await lab.pass(.seconds(5))
        let second = try await lab.claim(by: "another")
        #expect(second.job == id)
        for other in [Outcome.Status.success, .timeout] {
            await expectOtherOutcome { try await lab.finish(first, other) }
        }
        let again = try await lab.finish(first, .failure)
        #expect((again.state, again.attempt, again.fence) == (.pending, 1, 1))
        #expect(try await lab.state(id) == .running)
        try await lab.finish(second)
        #expect(try await lab.finish(first, .failure).fence == 1)
        try await lab.expectBooksBalance()
    }

    @Test("the replay of a last failure survives that the job is tried again", arguments: TestDatabase.all)
    func replayAfterRetry(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.maxAttempts = 1 }
        let lease = try await lab.claim()
        #expect(try await lab.finish(lease, .failure).state == .failed)
        try await lab.retry(id)
        let again = try await lab.finish(lease, .failure)
        #expect((again.attempt, again.fence) == (1, 1))
        await expectOtherOutcome { try await lab.finish(lease) }
        try await lab.expectBooksBalance()
    }

    @Test("after its end a lease is over for results too", arguments: TestDatabase.all)
    func expired(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim(for: .seconds(10))
        lab.passUnattended(.seconds(9.5))
        try await lab.noteRound()
        lab.passUnattended(.seconds(1))
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.finish(lease) }
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.release(lease) }
        #expect(try await lab.state(id) == .running)
    }

    @Test("a failure is tried again after a wait that grows", arguments: TestDatabase.all)
    func retried(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.backoff = Backoff(initial: 20_000, factor: 2_000, max: 300_000) }
        for (attempt, full) in [(1, 20_000), (2, 40_000)] as [(Int64, Int64)] {
            let lease = try await lab.claim()
            #expect((lease.job, lease.attempt, lease.fence) == (id, attempt, attempt))
            let before = lab.now
            #expect(try await lab.finish(lease, attempt == 1 ? .failure : .timeout).state == .pending)
            let job = try #require(try await lab.job(id))
            #expect(job.state == .scheduled)
            let runAt = try #require(job.runAt)
            #expect((before + full / 2...lab.now + full).contains(runAt))
            #expect(try await lab.claim(upTo: 1).isEmpty)
            try await lab.pass(.seconds(45))
        }
        try await lab.finish(try await lab.claim())
        #expect(try await lab.attempts(id).map(\.outcome) == ["failure", "timeout", "success"])
        #expect(try await lab.attempts(id).map(\.attempt) == [1, 2, 3])
        #expect(try await lab.job(id)?.losses == 0)
        try await lab.expectBooksBalance()
    }

    @Test("when the attempts are used up the job has failed", arguments: TestDatabase.all, [1, 3] as [Int64])
    func usedUp(on database: TestDatabase, attempts: Int64) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit {
            $0.maxAttempts = attempts
            $0.backoff = Backoff(initial: 0, factor: 1_000, max: 0)
        }
        for attempt in 1...attempts {
            let lease = try await lab.claim()
            let outcome = Outcome(status: .timeout, exitCode: 124, error: "too slow \(attempt)")
            #expect(try await lab.finish(lease, outcome).state == (attempt < attempts ? .pending : .failed))
            try await lab.promote()
        }
        let job = try #require(try await lab.job(id))
        #expect((job.state, job.attempt) == (.failed, attempts))
        #expect(job.ending?.reason == "timeout")
        #expect(job.ending?.error == "too slow \(attempts)")
        #expect(try await lab.attempts(id).compactMap(\.error).count == Int(attempts))
        try await lab.expectBooksBalance()
    }

    @Test("a lost lease takes no attempt from the job", arguments: TestDatabase.all)
    func lossesApart(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit {
            $0.maxAttempts = 2
            $0.backoff = Backoff(initial: 0, factor: 1_000, max: 0)
        }
        for _ in 0..<2 {
            _ = try await lab.claim()
            try await lab.pass(.seconds(90))
        }
        #expect(try await lab.finish(try await lab.claim(), .failure).state == .pending)
        try await lab.promote()
        #expect(try await lab.finish(try await lab.claim(), .failure).state == .failed)
        #expect(try await lab.job(id)?.losses == 2)
        #expect(try await lab.attempts(id).map(\.outcome) == ["lost", "lost", "failure", "failure"])
        try await lab.expectBooksBalance()
    }

    @Test("of many reports each is accepted or refused by itself, in the order given", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<100).map { _ in Lab.job() })
        let leases = try await lab.claim(upTo: 100)
        for index in stride(from: 0, to: 100, by: 4) { try await lab.cancel(leases[index].job) }
        for index in stride(from: 1, to: 100, by: 4) { try await lab.release(leases[index]) }
        let reports = leases.enumerated().map { index, lease in
            Report(key: lease.key, outcome: Outcome(status: index % 4 == 2 ? .failure : .success))
        }
        let results = try await lab.database.write { try $0.finish(reports) }
        for (index, result) in results.enumerated() {
            let id = leases[index].job
            switch (index % 4, result) {
            case (0, .failure(.jobEnded(id, .cancelled))), (1, .failure(.leaseLost(id))): break
            case (2, .success(let answer)): #expect((answer.job, answer.state) == (id, .pending))
            case (3, .success(let answer)): #expect((answer.job, answer.state) == (id, .completed))
            default: Issue.record("\(index): \(result)")
            }
        }
        try await lab.expectBooksBalance()
    }

    @Test("the same report twice in one call is accepted once", arguments: TestDatabase.all)
    func twice(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        let reports = [.success, .failure, .success].map { Report(key: lease.key, outcome: Outcome(status: $0)) }
        let states = try await lab.database.write { try $0.finish(reports).map { try? $0.get().state } }
        #expect(states == [.completed, nil, .completed], "another outcome is none")
        try await lab.submit()
        let second = try await lab.claim()
        let mixed = [.failure, .success, .failure].map { Report(key: second.key, outcome: Outcome(status: $0)) }
        let answers = try await lab.database.write { try $0.finish(mixed) }
        #expect(answers.map { try? $0.get().state } == [.pending, nil, .pending])
        await expectOtherOutcome { try answers[1].get() }
        try await lab.expectBooksBalance()
    }

    @Test("the same report many times at the same moment ends the job once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for status in Outcome.Status.allCases {
            try await lab.submit()
            let lease = try await lab.claim()
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        let finished = try await lab.finish(lease, status)
                        return "\(finished.state) \(finished.attempt) \(finished.fence)"
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
            if status != .success { try await lab.cancel(lease.job) }
        }
        try await lab.expectBooksBalance()
    }

    @Test("a job of nobody's is a lease of nobody's", arguments: TestDatabase.all)
    func unknown(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        var grant = try await lab.claim().grant
        grant.id = JobID("00000000-0000-7000-8000-000000000000")
        let lease = LabLease(grant, try await lab.worker("worker"))
        await #expect(throws: Refusal.leaseLost(grant.id)) { try await lab.finish(lease) }
    }
}
