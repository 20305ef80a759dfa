import Domain
import Store
import Support
import Testing

@Suite("Jobs that wait for others")
struct DependencyTests {
    @Test("a job is blocked until what it waits for has completed", arguments: TestDatabase.all)
    func chain(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let second = try await lab.submit { $0.dependsOn = [first] }
        #expect(try await lab.state(second) == .blocked)
        let lease = try await lab.claim()
        #expect(lease.job == first)
        #expect(try await lab.claim(upTo: 5).isEmpty)
        #expect(try await lab.finish(lease).freesOthers)
        try await lab.expectBooksBalance()
        try await lab.promote()
        #expect(try await lab.claim().job == second)
    }

    @Test("the tip of a diamond waits for both sides", arguments: TestDatabase.all)
    func diamond(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let top = try await lab.submit()
        let sides = try await lab.submit((0..<2).map { _ in Lab.job { $0.dependsOn = [top] } })
        let tip = try await lab.submit { $0.dependsOn = sides + sides + [top] }
        try await lab.finish(try await lab.claim())
        try await lab.promote()
        #expect(try await lab.state(tip) == .blocked)
        let leases = try await lab.claim(upTo: 5)
        #expect(Set(leases.map(\.job)) == Set(sides))
        try await lab.finish(leases[0])
        try await lab.promote()
        #expect(try await lab.state(tip) == .blocked)
        try await lab.expectBooksBalance()
        try await lab.finish(leases[1])
        try await lab.promote()
        #expect(try await lab.claim().job == tip)
        try await lab.expectBooksBalance()
    }

    @Test("two sides that complete in one commit free the tip once", arguments: TestDatabase.all)
    func together(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let sides = try await lab.submit([Lab.job(), Lab.job()])
        let tip = try await lab.submit { $0.dependsOn = sides }
        let reports = try await lab.claim(upTo: 2).map {
            Report(key: $0.key, outcome: Outcome(status: .success))
        }
        _ = try await lab.database.write { try $0.finish(reports).map { try $0.get().job } }
        try await lab.promote()
        #expect(try await lab.claim().job == tip)
        try await lab.expectBooksBalance()
    }

    @Test("two sides that complete at the same moment free the tip once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for _ in 0..<20 {
            let sides = try await lab.submit((0..<4).map { _ in Lab.job() })
            let tip = try await lab.submit { $0.dependsOn = sides }
            let leases = try await lab.claim(upTo: 4)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for lease in leases { group.addTask { _ = try await lab.finish(lease) } }
                try await group.waitForAll()
            }
            try await lab.promote()
            let last = try await lab.claim()
            #expect(last.job == tip)
            try await lab.finish(last)
        }
        try await lab.expectBooksBalance()
    }

    @Test("waiting for what has completed is no waiting", arguments: TestDatabase.all)
    func completed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        try await lab.finish(try await lab.claim())
        let second = try await lab.submit { $0.dependsOn = [first] }
        #expect(try await lab.state(second) == .pending)
    }

    @Test("waiting for what has failed or was cancelled is in vain", arguments: TestDatabase.all)
    func failed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let live = try await lab.submit(priority: 0)
        let failing = try await lab.submit { $0.maxAttempts = 1 }
        try await lab.finish(try await lab.claim(), .failure)
        let cancelled = try await lab.submit()
        try await lab.cancel(cancelled)
        for other in [failing, cancelled] {
            let id = try await lab.submit { $0.dependsOn = [live, other] }
            let job = try #require(try await lab.job(id))
            #expect(job.state == .cancelled)
            #expect(job.ending?.reason == "dependency")
        }
        try await lab.expectBooksBalance()
    }

    @Test("another's job can't be waited for, and looks as if it weren't there", arguments: TestDatabase.all)
    func foreign(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let bobs = try await lab.submit(by: Lab.bob)
        await #expect(throws: Refusal.invalid(field: "depends_on", message: "no job \(bobs) of yours")) {
            try await lab.submit { $0.dependsOn = [bobs] }
        }
        try await lab.finish(try await lab.claim())
        await #expect(throws: Refusal.invalid(field: "depends_on", message: "no job \(bobs) of yours")) {
            try await lab.submit { $0.dependsOn = [bobs] }
        }
    }

    @Test("when one is cancelled, all that wait for it are, however far down", arguments: TestDatabase.all)
    func cascade(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let second = try await lab.submit { $0.dependsOn = [first] }
        let third = try await lab.submit { $0.dependsOn = [second] }
        let other = try await lab.submit()
        let fourth = try await lab.submit { $0.dependsOn = [third, other] }
        try await lab.cancel(first)
        for id in [second, third, fourth] {
            let job = try #require(try await lab.job(id))
            #expect(job.state == .cancelled)
            #expect(job.ending?.reason == "dependency")
        }
        #expect(try await lab.job(first)?.ending?.reason == "cancelled")
        #expect(try await lab.state(other) == .pending)
        try await lab.expectBooksBalance()
    }

    @Test("when one has failed for good, or is poison, those that wait are cancelled", arguments: TestDatabase.all)
    func cascadeOfFailure(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let failing = try await lab.submit { $0.maxAttempts = 1 }
        let after = try await lab.submit { $0.dependsOn = [failing] }
        try await lab.finish(try await lab.claim(), .failure)
        #expect(try await lab.state(after) == .cancelled)
        let lost = try await lab.submit()
        let waiting = try await lab.submit { $0.dependsOn = [lost] }
        for _ in 0..<3 {
            _ = try await lab.claim()
            try await lab.pass(.seconds(90))
        }
        #expect(try await lab.job(lost)?.ending?.reason == "poison")
        #expect(try await lab.state(waiting) == .cancelled)
        try await lab.expectBooksBalance()
    }

    @Test("a freed job still waits for its time", arguments: TestDatabase.all)
    func later(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let at = lab.now + 3_600_000
        let second = try await lab.submit {
            $0.dependsOn = [first]
            $0.runAt = at
        }
        try await lab.finish(try await lab.claim())
        try await lab.promote()
        #expect(try await lab.state(second) == .scheduled)
        try await lab.pass(.seconds(3_700))
        #expect(try await lab.claim().job == second)
    }

    @Test("a blocked job takes no place in its owner's queue", arguments: TestDatabase.all)
    func place(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let before = lab.hints.nextTag()
        try await lab.submit((0..<100).map { _ in Lab.job { $0.dependsOn = [first] } })
        #expect(lab.hints.nextTag() == before + 1)
    }
}
