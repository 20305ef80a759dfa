import Domain
import Store
import Support
import Testing

@Suite("An outage of ours costs nobody a lease")
struct OutageTests {
    /// A lab whose scheduler has been up until now, and a lease of sixty seconds.
    private func lease(on database: TestDatabase) async throws -> (Lab, LabLease) {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim()
        try await lab.noteRound()
        return (lab, lease)
    }

    @Test("what ran out while no scheduler was up gets that time back", arguments: TestDatabase.all)
    func survives(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        lab.passUnattended(.seconds(70))
        #expect(try await lab.sweep().returned == 0)
        let until = try #require(try await lab.job(lease.job)?.visibleUntil)
        #expect((lease.visibleUntil + 70_000...lease.visibleUntil + 80_000).contains(until))
        #expect(try await lab.finish(lease).state == .completed)
        try await lab.expectBooksBalance()
    }

    @Test("its twelve hours are moved on too", arguments: TestDatabase.all)
    func cap(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        lab.passUnattended(.seconds(3_600))
        try await lab.sweep()
        guard case .extended(let until) = try await lab.extend(lease, by: .seconds(12 * 3_600)) else {
            throw NothingToClaim()
        }
        #expect(until > lease.leaseEnds + 3_590_000)
    }

    @Test("the time is given once: after it, the lease is over", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        lab.passUnattended(.seconds(70))
        try await lab.sweep()
        try await lab.pass(.seconds(70))
        #expect(try await lab.extend(lease) == .lost)
        #expect(try await lab.job(lease.job)?.losses == 1)
    }

    @Test("two schedulers that come back at the same moment give it once", arguments: TestDatabase.all)
    func two(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        let other = try await lab.neighbour()
        lab.passUnattended(.seconds(70))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for sweeper in [lab, other, lab, other] { group.addTask { _ = try await sweeper.sweep() } }
            try await group.waitForAll()
        }
        let until = try #require(try await lab.job(lease.job)?.visibleUntil)
        #expect((lease.visibleUntil + 70_000...lease.visibleUntil + 80_000).contains(until))
    }

    @Test("the worker may be back before the scheduler", arguments: TestDatabase.all)
    func extendFirst(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        lab.passUnattended(.seconds(70))
        guard case .extended = try await lab.extend(lease) else { throw NothingToClaim() }
        #expect(try await lab.sweep().returned == 0)
        #expect(try await lab.finish(lease).state == .completed)
    }

    @Test("so may its result", arguments: TestDatabase.all, Outcome.Status.allCases)
    func finishFirst(on database: TestDatabase, status: Outcome.Status) async throws {
        let (lab, lease) = try await lease(on: database)
        lab.passUnattended(.seconds(70))
        #expect(try await lab.finish(lease, status).state == (status == .success ? .completed : .pending))
        try await lab.expectBooksBalance()
    }

    @Test("and whatever else only the holder may do", arguments: TestDatabase.all)
    func holderFirst(on database: TestDatabase) async throws {
        let (lab, first) = try await lease(on: database)
        lab.passUnattended(.seconds(70))
        try await lab.progress(first, percent: 50)
        try await lab.sweep()
        lab.passUnattended(.seconds(200))
        try await lab.release(first)
        try await lab.promote()
        let second = try await lab.claim()
        try await lab.noteRound()
        lab.passUnattended(.seconds(70))
        let blob = Blob(hash: "abc", size: 3, chunks: [[1, 2, 3]])
        try await lab.database.write { try $0.storeArtifact(second.key, path: "out", blob: blob) }
        try await lab.expectBooksBalance()
    }

    @Test("a claim that is repeated after an outage still finds what it was granted", arguments: TestDatabase.all)
    func replayFirst(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.sweep()
        let first = try await lab.claim(upTo: 1, request: "r")
        lab.passUnattended(.seconds(70))
        try await lab.sweep()
        #expect(try await lab.claim(upTo: 1, request: "r").map(\.key) == first.map(\.key))
    }

    @Test("a lease that was over before the outage is not brought back", arguments: TestDatabase.all)
    func before(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim(for: .seconds(10))
        lab.passUnattended(.seconds(20))
        try await lab.noteRound()
        lab.passUnattended(.seconds(60))
        #expect(try await lab.sweep().returned == 1)
        await #expect(throws: Refusal.leaseLost(lease.job)) { try await lab.finish(lease) }
    }

    @Test("rounds that come every few seconds are no outage", arguments: TestDatabase.all)
    func noOutage(on database: TestDatabase) async throws {
        let (lab, lease) = try await lease(on: database)
        for _ in 0..<31 {
            lab.passUnattended(.seconds(2))
            try await lab.sweep()
        }
        #expect(try await lab.extend(lease) == .lost)
    }

    @Test("the first scheduler ever finds no outage", arguments: TestDatabase.all)
    func first(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        _ = try await lab.claim(for: .seconds(10))
        lab.passUnattended(.seconds(60))
        #expect(try await lab.sweep().returned == 1)
    }
}
