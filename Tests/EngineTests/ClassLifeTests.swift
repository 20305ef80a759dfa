import Bytes
import Domain
import Engine
import Support
import Testing
@testable import Store

@Suite("Requirement classes come and go", .timeLimit(.minutes(3)))
struct ClassLifeTests {
    /// As long as an unused class is kept.
    private static let life = Duration.milliseconds(ClassLife.removedAfter + 1)

    private func recorded(in lab: Lab) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM live_classes") { try $0.integer() }
        }
    }

    private func combination(_ number: Int, by owner: OwnerID = Lab.alice) -> NewJob {
        Lab.job(by: owner) { $0.memoryMiB = Int64(number + 1) }
    }

    private func expectFull(_ body: () async throws -> Void) async {
        let refusal = await #expect(throws: Refusal.self) { try await body() }
        guard case .quota(let what, let seconds) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(what.contains("1000") && seconds > 0, "\(what)")
    }

    @Test(
        "an owner who has used up its combinations submits anew when the old ones have ended",
        arguments: TestDatabase.all)
    func anew(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let lab = process.lab
        let most = Int(Transaction.classesPerOwner)
        guard case .accepted(let jobs, _) = try await process.submit((0..<most).map { combination($0) }) else { return }
        await expectFull { try await process.submit([combination(most)]) }
        // Those that it has, it may use; others have their own.
        try await process.submit([combination(0)])
        try await process.submit([combination(most, by: Lab.bob)])
        for job in jobs.dropFirst(10) { try await lab.cancel(job.id) }
        try await process.pruneClasses()
        await expectFull { try await process.submit([combination(most + 1)]) }
        lab.clock.advance(by: Self.life)
        try await process.pruneClasses()
        // Ten wait, and Bob's.
        #expect(try await recorded(in: lab) == 11)
        try await process.submit((2_000..<2_900).map { combination($0) })
        // What is gone is still told of the jobs that were its own.
        let shown = try #require(try await lab.job(jobs[most - 1].id))
        #expect((shown.state, shown.queue, shown.priority) == (.cancelled, "default", 5))
        try await lab.expectBooksBalance()
    }

    @Test("who takes another's over has them counted as its own", arguments: TestDatabase.all)
    func takenOver(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let most = Int(Transaction.classesPerOwner)
        try await process.submit((0..<most).map { combination($0) })
        process.lab.clock.advance(by: Self.life)
        try await process.submit((0..<most).map { combination($0, by: Lab.bob) })
        try await process.submit((most..<2 * most).map { combination($0) })
        process.lab.clock.advance(by: Self.life)
        await expectFull { try await process.submit([combination(most, by: Lab.bob)]) }
        await expectFull { try await process.submit([combination(2 * most)]) }
        try await process.submit([combination(0, by: Lab.bob)])
    }

    @Test("what jobs needed is forgotten long after the last of them", arguments: TestDatabase.all)
    func descriptions(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let lab = process.lab
        func prune() async throws -> [String: Int] {
            try await lab.database.write { try $0.pruneClasses(limit: 10, unusedSince: $0.now).rows }
        }
        guard case .accepted(let jobs, _) = try await process.submit((0..<3).map { combination($0) }) else { return }
        for job in jobs.dropFirst() { try await lab.cancel(job.id) }
        lab.clock.advance(by: Self.life)
        #expect(try await prune().isEmpty)
        try await process.pruneClasses()
        // One of them is used again.
        try await process.poll()
        try await process.submit([combination(1)])
        lab.clock.advance(by: .seconds(60))
        #expect(try await prune() == ["job_classes": 1])
        try await process.submit([combination(2)])
        try await lab.enroll("worker")
        #expect(try await process.claim(upTo: 9).count == 3)
    }

    @Test("a process forgets them, and finds them again when another brings them up", arguments: TestDatabase.all)
    func forgotten(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two) = (LabProcess(lab), LabProcess(try await lab.neighbour()))
        try await lab.enroll("worker")
        for process in [one, two] {
            try await process.submit((0..<20).map { combination($0) })
            for other in [one, two] { try await other.poll() }
            let leases = try await process.claim(upTo: 100)
            #expect(leases.count == 20)
            for lease in leases { try await process.finish(lease) }
        }
        let later = lab.now + 3_600_000
        let left = try await lab.submit {
            $0.memoryMiB = 5_000
            $0.runAt = later
        }
        lab.clock.advance(by: Self.life + .seconds(61))
        for process in [one, two] {
            try await process.poll()
            try await process.pruneClasses()
            // A class that is believed to hold something is read once more before it is known to be empty.
            lab.clock.advance(by: .seconds(3))
            try await process.poll()
            lab.clock.advance(by: .seconds(1))
            try await process.poll()
            #expect(process.broker.classIndex.counts.known <= 1)
        }
        #expect(try await recorded(in: lab) == 1)
        // The other still believes nothing; what is recorded anew it hears of by polling.
        try await one.submit([combination(3)])
        try await two.poll()
        let lease = try #require(try await two.claim().first)
        try await two.finish(lease)
        // What waited for its time comes back.
        lab.clock.advance(by: .seconds(3_600))
        try await one.round()
        try await two.poll()
        #expect(try await two.claim().map(\.job) == [left])
    }

    @Test("a job that ran while its class was removed is claimed again", arguments: TestDatabase.all)
    func running(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two) = (LabProcess(lab), LabProcess(try await lab.neighbour()))
        try await one.submit([Lab.job { $0.backoff = Backoff(initial: 1, factor: 1_000, max: 1) }])
        let lease = try #require(try await one.claim().first)
        _ = try await lab.extend(lease, by: .seconds(3_600))
        lab.clock.advance(by: Self.life)
        try await one.pruneClasses()
        #expect(try await recorded(in: lab) == 0)
        try await one.finish(lease, .failure)
        lab.clock.advance(by: .seconds(2))
        try await two.round()
        #expect(try await recorded(in: lab) == 1)
        let late = LabProcess(try await lab.neighbour())
        try await late.poll()
        #expect(try await late.claim().map(\.job) == [lease.job])
    }

    @Test("none is removed that a submission uses at the same moment on another server", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        let pruner = LabProcess(other)
        for round in 0..<30 {
            // Known to nobody for certain, and unused: about to go.
            let jobs = (0..<8).map { combination($0 + round % 3) }
            let old = try await lab.submit(jobs)
            for id in old { try await lab.cancel(id) }
            lab.clock.advance(by: Self.life)
            async let submitted = lab.submit(jobs)
            async let pruned: Void = pruner.pruneClasses()
            let ids = try await submitted
            try await pruned
            let lost = try await lab.database.read { tx in
                try tx.first(
                    """
                    SELECT COUNT(*) FROM live_jobs WHERE state = 'pending'
                        AND NOT EXISTS (SELECT 1 FROM live_classes WHERE live_classes.id = class_id)
                    """
                ) { try $0.integer() }
            }
            #expect(lost == 0, "round \(round)")
            for id in ids { try await lab.cancel(id) }
        }
    }

    @Test("a server that takes a class for recorded records it anew before it may be gone", arguments: TestDatabase.all)
    func known(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (one, two) = (LabProcess(lab), LabProcess(try await lab.neighbour()))
        for _ in 0..<8 {
            guard case .accepted(let jobs, _) = try await one.submit([combination(1)]) else { return }
            #expect(try await recorded(in: lab) == 1)
            try await lab.cancel(jobs[0].id)
            // Half of the time its server still knows it, half of the time it has to record it.
            lab.clock.advance(by: .milliseconds(ClassLife.renewedAfter * 2 / 3))
            try await two.pruneClasses()
        }
        lab.clock.advance(by: Self.life)
        try await two.pruneClasses()
        #expect(try await recorded(in: lab) == 0)
    }
}
