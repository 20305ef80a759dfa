import Domain
import Store
import Support
import Testing

@Suite("Claiming")
struct ClaimTests {
    @Test("a claim gives a token, a fence, an attempt and the time that it holds", arguments: TestDatabase.all)
    func grant(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.spec = #"{"command":["wc"]}"# }
        let before = lab.now
        let lease = try await lab.claim()
        #expect((lease.job, lease.fence, lease.attempt) == (id, 1, 1))
        #expect(lease.grant.token.utf8.count == 48)
        #expect(lease.visibilityTimeout == 60_000)
        #expect((before + 60_000...lab.now + 60_000).contains(lease.visibleUntil))
        #expect(lease.leaseEnds - lease.visibleUntil == LeaseRules.longest - 60_000)
        #expect(lease.grant.spec == #"{"command":["wc"]}"#)
        let job = try #require(try await lab.job(id))
        #expect((job.state, job.worker, job.attempt, job.fence) == (.running, lease.worker.id, 1, 1))
        try await lab.expectBooksBalance()
    }

    @Test("nothing waits: nothing is granted", arguments: TestDatabase.all)
    func nothing(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        #expect(try await lab.claim(upTo: 100).isEmpty)
    }

    @Test("a lease holds as long as asked for", arguments: TestDatabase.all)
    func timeout(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        #expect(try await lab.claim(for: .seconds(7)).visibilityTimeout == 7_000)
        try await lab.submit()
        let long = try await lab.claim(for: .seconds(13 * 3_600))
        #expect(long.visibleUntil <= long.leaseEnds)
        try await lab.expectBooksBalance()
    }

    @Test("higher priorities go first, and within one the order of submission", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        var expected: [Int64: [JobID]] = [:]
        for _ in 0..<3 {
            for priority in [5, 0, 9, 4] as [Int64] {
                expected[priority, default: []].append(try await lab.submit(priority: priority))
            }
        }
        let wanted = [9, 5, 4, 0].flatMap { expected[$0] ?? [] }
        let first = try await lab.claim(upTo: 7).map(\.job)
        let second = try await lab.claim(upTo: 100).map(\.job)
        #expect(first + second == wanted)
    }

    @Test("jobs of one class go by their tag, not by their age", arguments: TestDatabase.all)
    func tags(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        var byTag: [(Int64, JobID)] = []
        for tag in [50, 10, 40, 20, 30] as [Int64] {
            let hints = SubmitHints(isKnown: { _, _ in false }, tag: { _, _, _ in tag })
            let submission = Lab.submission([Lab.job()])
            lab.hints.know(submission.jobs)
            let reply = try await lab.database.write { try $0.submit([submission], hints: hints).first?.get() }
            guard case .accepted(let jobs, _)? = reply, let job = jobs.first else { throw NothingToClaim() }
            byTag.append((tag, job.id))
        }
        #expect(try await lab.claim(upTo: 5).map(\.job) == byTag.sorted { $0.0 < $1.0 }.map(\.1))
    }

    @Test("owners take turns over classes, and who was served least begins", arguments: TestDatabase.all)
    func turns(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for memory in 1...4 as ClosedRange<Int64> {
            try await lab.submit((0..<5).map { _ in Lab.job { $0.memoryMiB = memory } })
        }
        try await lab.submit((0..<5).map { _ in Lab.job(by: Lab.bob) })
        lab.hints.setService(of: Lab.alice, 100)
        let owners = try await lab.claim(upTo: 6).map(\.owner)
        #expect(owners.first == Lab.bob)
        #expect(owners.count { $0 == Lab.bob } == 3)
    }

    @Test("a class that was looked at, and not taken from, is not said to be empty", arguments: TestDatabase.all)
    func sightings(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit([Lab.job(priority: 9), Lab.job(priority: 9), Lab.job(priority: 1)])
        let low = Lab.job(priority: 1).classID
        let high = Lab.job(priority: 9).classID
        let worker = try await lab.worker("worker")
        let (claim, hints) = (Lab.claim(by: worker, upTo: 1), lab.hints.claim)
        let first = try await lab.database.write { try $0.claim(claim, hints: hints) }
        #expect(first.asked[low]?.isEmpty != true)
        #expect(first.asked[high]?.isEmpty != true)
        _ = try await lab.claim(upTo: 2)
        let last = try await lab.database.write { try $0.claim(claim, hints: hints) }
        #expect(last.asked[low]?.isEmpty == true)
        #expect(last.asked[high]?.isEmpty == true)
    }

    @Test("what a worker serves, and for whom a job is, decide", arguments: TestDatabase.all)
    func fit(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let audit = try await lab.submit(.audit)
        #expect(try await lab.claim(upTo: 5) { $0.offer.kinds = [.compute] }.isEmpty)
        #expect(try await lab.claim().job == audit)
        let nightly = try await lab.submit { $0.queue = "nightly" }
        #expect(try await lab.claim(upTo: 5) { $0.offer.queues = ["default"] }.isEmpty)
        #expect(try await lab.claim(upTo: 5) { $0.offer.queues = ["nightly"] }.map(\.job) == [nightly])
    }

    @Test("a limit is kept", arguments: TestDatabase.all, [1, 2, 99, 100])
    func limit(on database: TestDatabase, limit: Int) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<120).map { Lab.job(priority: Int64($0 % 3)) })
        let leases = try await lab.claim(upTo: limit)
        #expect(leases.count == limit)
        #expect(Set(leases.map(\.job)).count == limit)
        #expect(Set(leases.map(\.grant.token)).count == limit)
    }

    @Test("more classes than one statement asks are all served", arguments: TestDatabase.all)
    func manyClasses(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((1...40).map { number in Lab.job { $0.memoryMiB = number } })
        #expect(try await lab.claim(upTo: 100).count == 40)
        try await lab.expectBooksBalance()
    }

    @Test("each owner's log says which of its jobs were claimed", arguments: TestDatabase.all)
    func events(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit([Lab.job(), Lab.job()])
        let bobs = try await lab.submit(by: Lab.bob)
        _ = try await lab.claim(upTo: 10)
        let chain = try await lab.chain(of: Lab.bob)
        #expect(chain.map(\.type) == ["jobs_submitted", "jobs_claimed"])
        #expect(chain.last?.metadata == #"{"jobs":["\#(bobs.text)"]}"#)
        #expect(chain.last?.actor == (try await lab.worker("worker")).id.text)
    }
}
