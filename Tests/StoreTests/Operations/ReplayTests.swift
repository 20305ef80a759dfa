import Domain
import Store
import Support
import Testing

@Suite("A claim that is repeated")
struct ReplayTests {
    @Test("the same request gets the same grants", arguments: TestDatabase.all)
    func same(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<6).map { _ in Lab.job() })
        let first = try await lab.claim(upTo: 3, request: "r1")
        let again = try await lab.claim(upTo: 3, request: "r1")
        #expect(Set(first.map(\.grant.token)) == Set(again.map(\.grant.token)))
        #expect(Set(first.map(\.key)) == Set(again.map(\.key)))
        #expect(again.map(\.visibleUntil) == first.map(\.visibleUntil))
        #expect(again.allSatisfy { $0.fence == 1 && $0.attempt == 1 })
        #expect(try await lab.claim(upTo: 3, request: "r2").count == 3)
        try await lab.expectBooksBalance()
    }

    @Test("what has ended meanwhile is not granted again", arguments: TestDatabase.all)
    func ended(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<3).map { _ in Lab.job() })
        let first = try await lab.claim(upTo: 3, request: "r")
        try await lab.finish(first[0])
        #expect(Set(try await lab.claim(upTo: 3, request: "r").map(\.job)) == Set(first.dropFirst().map(\.job)))
    }

    @Test("another worker's request of the same name is its own", arguments: TestDatabase.all)
    func another(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit([Lab.job(), Lab.job()])
        let mine = try await lab.claim(by: "one", upTo: 1, request: "r")
        let theirs = try await lab.claim(by: "two", upTo: 1, request: "r")
        #expect(mine[0].job != theirs[0].job)
        #expect(mine[0].grant.token != theirs[0].grant.token)
    }

    @Test("a request that brought nothing may bring something", arguments: TestDatabase.all)
    func empty(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        #expect(try await lab.claim(upTo: 1, request: "r").isEmpty)
        try await lab.submit()
        #expect(try await lab.claim(upTo: 1, request: "r").count == 1)
    }

    @Test("a lease that ran out is not granted again as if it held", arguments: TestDatabase.all)
    func expired(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let first = try await lab.claim(upTo: 1, request: "r")
        try await lab.pass(.seconds(90))
        #expect(try await lab.claim(upTo: 1, request: "r").isEmpty)
        let again = try await lab.claim(upTo: 1, request: "r2")
        #expect(again.first?.fence == 2)
        #expect(again.first?.grant.token != first.first?.grant.token)
    }

    @Test("a late duplicate leases nothing else, whatever became of what it got", arguments: TestDatabase.all)
    func duplicate(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for status in Outcome.Status.allCases {
            try await lab.submit()
            let first = try await lab.claim(upTo: 1, request: "\(status)")
            try await lab.finish(try #require(first.first), status)
            let waiting = try await lab.submit()
            #expect(try await lab.claim(upTo: 1, request: "\(status)").isEmpty)
            #expect(try await lab.state(waiting) == .pending)
            try await lab.cancel(waiting)
            if status != .success, let job = first.first?.job { try await lab.cancel(job) }
        }
        try await lab.submit()
        let released = try await lab.claim(upTo: 1, request: "released")
        try await lab.release(try #require(released.first))
        try await lab.promote()
        #expect(try await lab.claim(upTo: 1, request: "released").isEmpty)
        #expect(try await lab.claim(upTo: 1, request: "another").count == 1)
        try await lab.expectBooksBalance()
    }

    @Test("is remembered for a day, longer than any lease", arguments: TestDatabase.all)
    func remembered(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.finish(try #require(try await lab.claim(upTo: 1, request: "r").first))
        for (hours, isKept) in [(23, true), (2, false)] as [(Int, Bool)] {
            lab.clock.advance(by: .seconds(hours * 3_600))
            try await lab.database.write { tx in _ = try tx.prune(limit: 100, keysOlderThan: tx.now - 86_400_000) }
            let count = try await lab.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM claim_requests") { try $0.integer() }
            }
            #expect(count == (isKept ? 1 : 0), "after \(hours) hours more")
        }
    }

    @Test("a worker that drains can still hear what it was granted", arguments: TestDatabase.all)
    func draining(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let first = try await lab.claim(upTo: 1, request: "r")
        try await lab.drain("worker")
        #expect(try await lab.claim(upTo: 1, request: "r").map(\.key) == first.map(\.key))
    }

    @Test("the repetition may come at the same moment", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<200).map { _ in Lab.job() })
        try await lab.enroll("worker")
        for round in 0..<20 {
            let sets = try await withThrowingTaskGroup(of: Set<LeaseKey>.self) { group in
                for _ in 0..<4 {
                    group.addTask { Set(try await lab.claim(upTo: 2, request: "r\(round)").map(\.key)) }
                }
                return try await group.reduce(into: Set<Set<LeaseKey>>()) { $0.insert($1) }
            }
            #expect(sets.count == 1)
        }
    }
}
