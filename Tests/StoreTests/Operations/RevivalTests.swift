import Domain
import Store
import Support
import Testing

/// A retry with dependents: a graph goes on where it stopped.
@Suite("Jobs that are brought back")
struct RevivalTests {
    /// Claims the one job that waits, which has to be this, and ends it.
    private func run(_ lab: Lab, _ job: JobID, _ status: Outcome.Status) async throws {
        try await lab.promote()
        let lease = try await lab.claim()
        #expect(lease.job == job)
        try await lab.finish(lease, status)
    }

    private func expect(
        _ lab: Lab, _ jobs: [JobID], _ state: JobState, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        for (place, job) in jobs.enumerated() {
            #expect(try await lab.state(job) == state, "number \(place)", sourceLocation: sourceLocation)
        }
        try await lab.expectBooksBalance()
    }

    private func after(_ lab: Lab, _ jobs: JobID...) async throws -> JobID {
        try await lab.submit { $0.dependsOn = jobs }
    }

    @Test("wait again for the same, and run in their order", arguments: TestDatabase.all)
    func graph(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let root = try await lab.submit { $0.maxAttempts = 1 }
        let (one, two) = (try await after(lab, root), try await after(lab, root))
        let both = try await after(lab, one, two, root)
        let last = try await after(lab, both)
        try await run(lab, root, .failure)
        try await expect(lab, [one, two, both, last], .cancelled)
        // One that came too late to be blocked belongs to them too.
        let late = try await after(lab, root, last)
        try await expect(lab, [late], .cancelled)

        try await lab.retry(root, withDependents: true)
        try await expect(lab, [one, two], .blocked)
        #expect(try await lab.revive() == 3)
        try await expect(lab, [one, two, both, last, late], .blocked)
        try await run(lab, root, .success)
        try await lab.promote()
        for lease in try await lab.claim(upTo: 9) {
            #expect([one, two].contains(lease.job) && lease.fence == 2 && lease.attempt == 1)
            try await lab.finish(lease)
        }
        for job in [both, last, late] { try await run(lab, job, .success) }
        try await expect(lab, [root, one, two, both, last, late], .completed)
    }

    @Test("stay cancelled when another that they waited for failed, and is gone", arguments: TestDatabase.all)
    func gone(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let done = try await lab.submit()
        let (one, two) = (try await lab.submit { $0.maxAttempts = 1 }, try await lab.submit { $0.maxAttempts = 1 })
        let (both, other) = (try await after(lab, one, two), try await after(lab, done, two))
        try await run(lab, done, .success)
        for job in [one, two] { try await run(lab, job, .failure) }
        try await expect(lab, [both, other], .cancelled)
        for job in [done, one] {
            try await lab.database.write { try $0.deleteJob(job, owner: Lab.alice, actor: "alice") }
        }
        _ = try await lab.database.write { try $0.pruneDeletedJobs(limit: 10) }
        try await lab.retry(two, withDependents: true)
        try await lab.revive()
        try await expect(lab, [both], .cancelled)
        try await expect(lab, [other], .blocked)
        try await run(lab, two, .success)
        try await run(lab, other, .success)
    }

    @Test(
        "are cancelled again when it fails again, and stay so after a retry without them", arguments: TestDatabase.all)
    func again(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let root = try await lab.submit { $0.maxAttempts = 1 }
        let next = try await after(lab, root)
        let last = try await after(lab, next)
        for _ in 0..<2 {
            try await run(lab, root, .failure)
            try await expect(lab, [next, last], .cancelled)
            try await lab.retry(root, withDependents: true)
            try await lab.revive()
            try await expect(lab, [next, last], .blocked)
        }
        try await run(lab, root, .failure)
        try await lab.retry(root, withDependents: true)
        try await run(lab, root, .failure)
        try await lab.retry(root)
        #expect(try await lab.revive() == 0)
        try await expect(lab, [next, last], .cancelled)
        try await run(lab, root, .success)
        try await expect(lab, [next, last], .cancelled)
    }

    @Test("are only those for whom nothing else has come to nothing", arguments: TestDatabase.all)
    func others(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two) = (
            try await lab.submit(priority: 9) { $0.maxAttempts = 1 }, try await lab.submit { $0.maxAttempts = 1 }
        )
        let (both, mine) = (try await after(lab, one, two), try await after(lab, one))
        let cancelled = try await after(lab, one)
        try await lab.cancel(cancelled)
        try await run(lab, one, .failure)
        try await run(lab, two, .failure)
        try await lab.retry(one, withDependents: true)
        try await lab.revive()
        try await expect(lab, [mine], .blocked)
        try await expect(lab, [both], .cancelled)
        #expect(try await lab.job(cancelled)?.ending?.reason == "cancelled")
        try await run(lab, one, .success)
        try await run(lab, mine, .success)
        try await lab.retry(two, withDependents: true)
        try await expect(lab, [both], .blocked)
        try await run(lab, two, .success)
        try await run(lab, both, .success)
        try await expect(lab, [cancelled], .cancelled)
    }

    @Test("are paid for anew: all that the retry takes along, or it is refused", arguments: TestDatabase.all)
    func money(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 30_000_000)
        let root = try await lab.submit { ($0.maxAttempts, $0.maxPrice) = (1, 10_000_000) }
        let next = try await lab.submit { ($0.dependsOn, $0.maxPrice) = ([root], 10_000_000) }
        let last = try await lab.submit { ($0.dependsOn, $0.maxPrice) = ([next], 10_000_000) }
        #expect(try await lab.balance().held == 30_000_000)
        try await run(lab, root, .failure)
        #expect(try await lab.balance().held == 0)
        // What is short by a little is refused, and nothing has changed.
        let other = try await lab.submit { ($0.runAt, $0.maxPrice) = (lab.now + 1_000_000, 11_000_000) }
        await #expect(throws: Refusal.insufficientFunds(.usdt, needed: 10_000_000, available: 9_000_000)) {
            try await lab.retry(root, withDependents: true)
        }
        try await expect(lab, [root], .failed)
        try await expect(lab, [next, last], .cancelled)
        #expect(try await lab.balance().held == 11_000_000)
        try await lab.cancel(other)
        try await lab.submit { ($0.runAt, $0.maxPrice) = (lab.now + 1_000_000, 6_000_000) }
        // What comes later and can't be paid for stays, and says so.
        try await lab.retry(root, withDependents: true)
        #expect(try await lab.revive() == 0)
        try await expect(lab, [next], .blocked)
        try await expect(lab, [last], .cancelled)
        #expect(try await lab.job(last)?.ending?.error?.contains("max_price_usdt") == true)
        #expect(try await lab.balance().held == 26_000_000)
        try await run(lab, root, .success)
        try await run(lab, next, .success)
        #expect(try await lab.balance().held == 6_000_000)
        try await lab.expectBooksBalance()
    }

    @Test("are many, and follow in bites, also when the job ends between two of them", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for status in [Outcome.Status.success, .failure] {
            let root = try await lab.submit { $0.maxAttempts = 1 }
            let many = try await lab.submit((0..<600).map { _ in Lab.job { $0.dependsOn = [root] } })
            try await run(lab, root, .failure)
            try await lab.cascade()
            try await expect(lab, many, .cancelled)
            try await lab.retry(root, withDependents: true)
            let back = try await states(lab, many)
            #expect(back[.blocked] == Revival.bite && back[.cancelled] == 600 - Revival.bite)
            try await lab.expectBooksBalance()
            try await run(lab, root, status)
            // What its end brings about has not reached them yet: nobody may come in between.
            let neighbour = try await lab.neighbour()
            #expect(try await neighbour.revive() == 0)
            try await lab.expectBooksBalance()
            try await lab.cascade()
            lab.clock.advance(by: .seconds(1))
            let revived = try await neighbour.revive()
            #expect(revived == (status == .success ? 600 - Revival.bite : 0))
            try await expect(lab, many, status == .success ? .scheduled : .cancelled)
            for job in many where status == .success { try await lab.cancel(job) }
        }
    }

    private func states(_ lab: Lab, _ jobs: [JobID]) async throws -> [JobState: Int] {
        var counts: [JobState: Int] = [:]
        for job in jobs {
            let state = try #require(try await lab.state(job))
            counts[state, default: 0] += 1
        }
        return counts
    }

    @Test("are left alone as long as those behind them are being cancelled", arguments: TestDatabase.all)
    func cancelling(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let root = try await lab.submit { $0.maxAttempts = 1 }
        let next = try await after(lab, root)
        let many = try await lab.submit((0..<600).map { _ in Lab.job { $0.dependsOn = [next] } })
        try await run(lab, root, .failure)
        #expect(try await states(lab, many) == [.blocked: 600])
        try await lab.retry(root, withDependents: true)
        try await expect(lab, [next], .cancelled)
        try await lab.cascade()
        lab.clock.advance(by: .seconds(1))
        #expect(try await lab.revive() == 601)
        try await expect(lab, [next] + many, .blocked)
        try await run(lab, root, .success)
        try await run(lab, next, .success)
        try await lab.cascade()
        try await expect(lab, many, .scheduled)
    }

    @Test("are no more than their owner may have", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let root = try await lab.submit { $0.maxAttempts = 1 }
        let next = try await after(lab, root)
        let last = try await after(lab, next)
        try await run(lab, root, .failure)
        try await lab.retry(root, withDependents: true)
        let bite = try await lab.database.write { try $0.revive { $0 == Lab.alice } }
        #expect(bite.revived.isEmpty && !bite.isMore)
        try await expect(lab, [last], .cancelled)
        #expect(try await lab.revive() == 0, "its turn is later")
        lab.clock.advance(by: .seconds(1))
        #expect(try await lab.revive() == 1)
        try await expect(lab, [last], .blocked)
    }
}
