import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Submitting")
struct SubmitTests {
    @Test("a job is pending, its owner's, and as it was asked for", arguments: TestDatabase.all)
    func one(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.fund(Lab.alice, 1_500_000)
        let id = try await lab.submit(.compute, priority: 7) { job in
            job.queue = "nightly"
            job.title = "count é and 日本"
            job.spec = #"{"command":["wc"]}"#
            job.maxPrice = 1_500_000
            job.maxAttempts = 5
        }
        let job = try #require(try await lab.job(id))
        #expect(job.state == .pending)
        #expect(job.title == "count é and 日本")
        #expect(job.spec == #"{"command":["wc"]}"#)
        #expect((job.queue, job.priority, job.kind) == ("nightly", 7, .compute))
        #expect((job.maxPrice, job.maxAttempts) == (1_500_000, 5))
        #expect((job.attempt, job.fence, job.losses) == (0, 0, 0))
        #expect(UUIDv7.isUUID(id.text))
        #expect(try await lab.job(id, of: Lab.bob) == nil)
        try await lab.expectBooksBalance()
    }

    @Test("ids of a batch are in the order of its jobs", arguments: TestDatabase.all)
    func order(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ids = try await lab.submit((0..<1_000).map { number in Lab.job { $0.title = "job \(number)" } })
        #expect(ids == ids.sorted())
        #expect(Set(ids).count == 1_000)
        #expect(try await lab.job(ids[537])?.title == "job 537")
        try await lab.expectBooksBalance()
    }

    @Test("a batch is all or nothing", arguments: TestDatabase.all)
    func batch(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let missing = JobID("00000000-0000-7000-8000-00000000ffff")
        let jobs = [
            Lab.job(), Lab.job { $0.dependsOn = [first] }, Lab.job { $0.dependsOn = [missing] },
        ]
        await #expect(throws: Refusal.invalid(field: "depends_on", message: "no job \(missing) of yours")) {
            try await lab.submit(jobs)
        }
        #expect(try await lab.all().map(\.id) == [first])
        try await lab.expectBooksBalance()
    }

    @Test("of those gathered in one transaction, each is refused by itself", arguments: TestDatabase.all)
    func gathered(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let bad = Lab.submission([Lab.job { $0.dependsOn = [JobID("nobody's")] }])
        let good = Lab.submission([Lab.job()])
        let hints = lab.hints.submit
        let results = try await lab.database.write { try $0.submit([good, bad, good], hints: hints) }
        #expect(results.map { (try? $0.get()) != nil } == [true, false, true])
        #expect(try await lab.all().count == 2)
        try await lab.expectBooksBalance()
    }

    @Test("a thousand distinct requirement classes of one owner are the limit", arguments: TestDatabase.all)
    func quota(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((1...1_000).map { number in Lab.job { $0.memoryMiB = number } })
        let refusal = await #expect(throws: Refusal.self) { try await lab.submit { $0.memoryMiB = 1_001 } }
        guard case .quota(let what, 60) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(what.contains("at most 1000 distinct combinations") && what.contains("ten minutes"))
        // What is there already costs nothing more, and others have their own.
        try await lab.submit { $0.memoryMiB = 1_000 }
        try await lab.submit(by: Lab.bob) { $0.memoryMiB = 1_001 }
        // Another's would be taken over, and counts.
        await #expect(throws: Refusal.self) { try await lab.submit { $0.memoryMiB = 1_001 } }
        try await lab.expectBooksBalance()
    }

    @Test("a job for later is scheduled, and shown as pending", arguments: TestDatabase.all)
    func later(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let at = lab.now + 60_000
        let id = try await lab.submit { $0.runAt = at }
        #expect(try await lab.state(id) == .scheduled)
        #expect(try await lab.job(id)?.runAt == at)
        #expect(try await lab.claim(upTo: 1).isEmpty)
        try await lab.pass(.seconds(40))
        #expect(try await lab.state(id) == .scheduled)
        try await lab.pass(.seconds(21))
        #expect(try await lab.claim().job == id)
    }

    @Test("a time that is over is now", arguments: TestDatabase.all)
    func past(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit { $0.runAt = 0 }
        #expect(try await lab.claim().job == id)
    }

    @Test("promoting says when the next job is due", arguments: TestDatabase.all)
    func nextDue(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        #expect(try await lab.promote() == nil)
        let at = lab.now + 90_000
        try await lab.submit { $0.runAt = at + 1_000 }
        try await lab.submit { $0.runAt = at }
        #expect(try await lab.promote() == at)
    }

    @Test("an owner's jobs are listed newest first, page by page, by status", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let ids = try await lab.submit((0..<7).map { _ in Lab.job() })
        try await lab.submit(by: Lab.bob)
        let first = try await lab.all(limit: 3)
        #expect(first.map(\.id) == Array(ids.reversed().prefix(3)))
        #expect(try await lab.all(limit: 100, before: first.last?.id).map(\.id) == ids.prefix(4).reversed())
        try await lab.cancel(ids[2])
        #expect(try await lab.all(status: .cancelled).map(\.id) == [ids[2]])
        #expect(try await lab.all(status: .pending).count == 6)
        let lease = try await lab.claim()
        #expect(try await lab.all(status: .running).map(\.id) == [lease.job])
        let future = lab.now + 60_000
        let later = try await lab.submit { $0.runAt = future }
        #expect(try await lab.all(status: .pending).first?.id == later)
    }

    @Test("text that no database can keep is refused, and nothing is written", arguments: TestDatabase.all)
    func nul(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        await #expect(throws: DatabaseError.invalidText) { try await lab.submit { $0.title = "a\u{0}b" } }
        #expect(try await lab.all().isEmpty)
    }
}

extension Lab {
    func all(status: JobState? = nil, limit: Int = 100, before: JobID? = nil) async throws -> [Job] {
        try await database.read {
            try $0.jobs(JobPage(owners: [Lab.alice], status: status, limit: limit, before: before))
        }
    }
}
