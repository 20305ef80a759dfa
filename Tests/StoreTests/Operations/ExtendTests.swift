import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Extending a lease")
struct ExtendTests {
    @Test("the lease ends that long from now, not from its end", arguments: TestDatabase.all)
    func fromNow(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        lab.passUnattended(.seconds(1))
        let before = lab.now
        let outcome = try await lab.extend(lease, by: .seconds(30))
        guard case .extended(let until) = outcome else { throw NothingToClaim() }
        #expect((before + 30_000...lab.now + 30_000).contains(until))
        #expect(try await lab.job(lease.job)?.visibleUntil == until)
    }

    @Test("one lease never lasts over twelve hours", arguments: TestDatabase.all)
    func cap(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        for _ in 0..<12 {
            guard case .extended(let until) = try await lab.extend(lease, by: .seconds(3_700)) else {
                throw NothingToClaim()
            }
            #expect(until <= lease.leaseEnds)
            try await lab.pass(.seconds(3_590))
        }
        guard case .extended(let until) = try await lab.extend(lease, by: .seconds(3_700)) else {
            throw NothingToClaim()
        }
        #expect(until == lease.leaseEnds)
        try await lab.pass(.seconds(300))
        #expect(try await lab.extend(lease) == .lost)
        #expect(try await lab.claim().job == id)
        try await lab.expectBooksBalance()
    }

    @Test("a lease that ran out can't be extended, swept or not", arguments: TestDatabase.all)
    func over(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        try await lab.sweep()
        let lease = try await lab.claim(for: .seconds(10))
        lab.passUnattended(.seconds(9.5))
        try await lab.noteRound()
        lab.passUnattended(.seconds(1))
        #expect(try await lab.extend(lease) == .lost)
        try await lab.sweep()
        #expect(try await lab.extend(lease) == .lost)
    }

    @Test("a token whose job was given to another changes nothing", arguments: TestDatabase.all)
    func stale(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let slow = try await lab.claim(by: "slow")
        try await lab.pass(.seconds(90))
        let fast = try await lab.claim(by: "fast")
        let until = try await lab.job(id)?.visibleUntil
        #expect(try await lab.extend(slow, by: .seconds(600)) == .lost)
        #expect(try await lab.job(id)?.visibleUntil == until)
        #expect(fast.fence > slow.fence)
    }

    @Test(
        "a stale token isn't carried along by the current one in the same round, in any order",
        arguments: TestDatabase.all, ["slow", "fast"])
    func staleBesideCurrent(on database: TestDatabase, by second: String) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let old = try await lab.claim(by: "slow")
        try await lab.pass(.seconds(90))
        let new = try await lab.claim(by: second)
        for leases in [[old, new], [new, old]] {
            let wanted = leases.map { Extension(key: $0.key, milliseconds: 60_000) }
            let outcomes = try await lab.database.write { try $0.extend(wanted) }
            for (lease, outcome) in zip(leases, outcomes) { #expect((outcome == .lost) == (lease.fence == old.fence)) }
        }
    }

    @Test("another worker can't use a token, be it the right one", arguments: TestDatabase.all)
    func stolen(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim(by: "owner")
        let thief = LabLease(lease.grant, try await lab.worker("thief"))
        #expect(try await lab.extend(thief) == .lost)
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.finish(thief) }
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.progress(thief, percent: 1) }
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.release(thief) }
        #expect(try await lab.finish(lease).state == .completed)
    }

    @Test("the worker of a cancelled job is told to stop", arguments: TestDatabase.all)
    func cancelled(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        try await lab.cancel(id)
        #expect(try await lab.extend(lease) == .cancelled)
    }

    @Test("of many, each is held or lost by itself, in the order asked", arguments: TestDatabase.all)
    func many(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit((0..<150).map { _ in Lab.job() })
        let leases = try await lab.claim(upTo: 100) + (try await lab.claim(upTo: 50))
        for (index, lease) in leases.enumerated() {
            if index % 3 == 1 { try await lab.finish(lease) }
            if index % 3 == 2 { try await lab.cancel(lease.job) }
        }
        let wanted = leases.reversed().map { Extension(key: $0.key, milliseconds: 90_000) }
        let outcomes = try await lab.database.write { try $0.extend(wanted) }
        for (index, outcome) in outcomes.reversed().enumerated() {
            switch (index % 3, outcome) {
            case (0, .extended), (1, .lost), (2, .cancelled): break
            default: Issue.record("\(index): \(outcome)")
            }
        }
    }
}

@Suite("Progress")
struct ProgressTests {
    @Test("percent and message are kept until the next", arguments: TestDatabase.all)
    func kept(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        try await lab.progress(lease, percent: 40, message: "sorting")
        try await lab.progress(lease, percent: 60)
        let job = try #require(try await lab.job(id))
        #expect((job.percent, job.message) == (60, "sorting"))
        // What another attempt said is no news of this one.
        try await lab.release(lease)
        #expect(try await lab.job(id)?.percent == nil)
    }

    @Test("progress doesn't make a lease longer", arguments: TestDatabase.all)
    func noExtension(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.submit()
        let lease = try await lab.claim()
        lab.passUnattended(.seconds(1))
        try await lab.progress(lease, percent: 1, log: "line\n")
        #expect(try await lab.job(lease.job)?.visibleUntil == lease.visibleUntil)
    }

    @Test("a stale token leaves no trace", arguments: TestDatabase.all)
    func stale(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let slow = try await lab.claim(by: "slow")
        try await lab.pass(.seconds(90))
        let fast = try await lab.claim(by: "fast")
        await #expect(throws: Refusal.leaseLost(id)) { try await lab.progress(slow, percent: 99, log: "late\n") }
        #expect(try await lab.log(of: id).isEmpty)
        #expect(try await lab.job(id)?.percent == nil)
        try await lab.finish(fast)
        await #expect(throws: Refusal.jobEnded(id, .completed)) { try await lab.progress(slow, log: "later\n") }
        await #expect(throws: Refusal.jobEnded(id, .completed)) { try await lab.progress(fast, log: "too late\n") }
        #expect(try await lab.log(of: id).isEmpty)
    }

    @Test("the log is read in order, from anywhere, and says which attempt wrote it", arguments: TestDatabase.all)
    func log(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let first = try await lab.claim()
        for number in 0..<10 { try await lab.progress(first, log: "\(number)\n") }
        try await lab.release(first)
        try await lab.promote()
        try await lab.progress(try await lab.claim(), log: "again\n")
        let pieces = try await lab.log(of: id)
        #expect(pieces.map(\.text).joined() == "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\nagain\n")
        #expect(pieces.map(\.fence) == Array(repeating: 1, count: 10) + [2])
        #expect(pieces.map(\.seq) == pieces.map(\.seq).sorted())
        let rest = try await lab.database.read { try $0.log(of: id, after: pieces[6].seq, limit: 2) }
        #expect(rest.map(\.text) == ["7\n", "8\n"])
    }

    @Test("a log is kept up to four MiB, and says once that there was more", arguments: TestDatabase.all)
    func limit(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let id = try await lab.submit()
        let lease = try await lab.claim()
        let piece = RawText(String(repeating: "é", count: 262_144 / 2))
        for _ in 0..<16 { try await lab.progress(lease, log: piece) }
        for text in ["x", "y", piece] as [RawText] { try await lab.progress(lease, log: text) }
        let pieces = try await lab.log(of: id)
        #expect(pieces.count == 17)
        #expect(pieces.prefix(16).allSatisfy { $0.content == piece })
        #expect(pieces.last?.text.hasPrefix("[log full") == true)
    }
}
