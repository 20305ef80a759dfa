import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Idempotency keys")
struct IdempotencyTests {
    private func key(
        _ text: String = "k", of owner: OwnerID = Lab.alice, at endpoint: String = "POST /jobs", body: String = "b"
    ) -> IdempotencyKey {
        IdempotencyKey(owner: owner, endpoint: endpoint, key: text, bodyHash: SHA256.hex(body))
    }

    private func answer(_ reply: Submission.Reply) -> StoredAnswer {
        switch reply {
        case .accepted(_, let answer), .replayed(let answer): answer
        }
    }

    private func count(_ lab: Lab) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM jobs") { try $0.integer() }
        }
    }

    @Test("the same key and body get the first answer, and no second job", arguments: TestDatabase.all)
    func replay(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.send(Lab.submission([Lab.job()], key: key()))
        let second = try await lab.send(Lab.submission([Lab.job()], key: key()))
        guard case .replayed = second else { throw NothingToClaim() }
        #expect(answer(first) == answer(second))
        #expect(try await count(lab) == 1)
    }

    @Test("the same key with another body is refused and does nothing", arguments: TestDatabase.all)
    func reuse(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.send(Lab.submission([Lab.job()], key: key()))
        await #expect(throws: Refusal.keyReused) {
            try await lab.send(Lab.submission([Lab.job()], key: key(body: "other")))
        }
        #expect(try await count(lab) == 1)
    }

    @Test("a key is private to its owner and its endpoint", arguments: TestDatabase.all)
    func scope(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        try await lab.send(Lab.submission([Lab.job()], key: key()))
        try await lab.send(Lab.submission([Lab.job(by: Lab.bob)], key: key(of: Lab.bob)))
        try await lab.send(Lab.submission([Lab.job()], key: key(at: "POST /jobs/batch")))
        #expect(try await count(lab) == 3)
    }

    @Test("a refused call leaves its key unused", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let bad = Lab.job { $0.dependsOn = [JobID("missing")] }
        await #expect(throws: Refusal.self) { try await lab.send(Lab.submission([bad], key: key())) }
        let reply = try await lab.send(Lab.submission([Lab.job()], key: key(body: "mended")))
        guard case .accepted = reply else { throw NothingToClaim() }
        #expect(try await count(lab) == 1)
    }

    @Test("twice in one gathering spoils it, so that the second can find the first", arguments: TestDatabase.all)
    func twiceAtOnce(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let submission = Lab.submission([Lab.job()], key: key())
        let hints = lab.hints.submit
        await #expect(throws: DatabaseError.conflict(constraint: "idempotency")) {
            try await lab.database.write { try $0.submit([submission, submission], hints: hints).count }
        }
        #expect(try await count(lab) == 0)
    }

    @Test("of many that come with one key at the same moment, one is accepted", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let key = key()
        let bodies = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<24 {
                group.addTask {
                    let reply = try? await lab.send(Lab.submission([Lab.job()], key: key))
                    return reply.map { answer($0).body }
                }
            }
            return try await group.reduce(into: Set<String>()) { if let body = $1 { $0.insert(body) } }
        }
        #expect(bodies.count == 1)
        #expect(try await count(lab) == 1)
        try await lab.expectBooksBalance()
    }

    @Test("an effect and its answer are one commit", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let key = key(at: "POST /policies")
        struct Broken: Error {}
        await #expect(throws: Broken.self) {
            try await lab.database.write { tx in
                _ = try tx.once(key) { StoredAnswer(status: 201, body: "never") }
                throw Broken()
            }
        }
        let first = StoredAnswer(status: 201, location: "/p/1", body: "first")
        #expect(try await lab.database.write { try $0.once(key) { first } } == first)
        var again = first
        again.isReplayed = true
        #expect(try await lab.database.write { try $0.once(key) { throw Broken() } } == again)
    }

    @Test("keys are kept for as long as promised, then pruned", arguments: TestDatabase.all)
    func pruned(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        for number in 0..<5 { try await lab.send(Lab.submission([Lab.job()], key: key("k\(number)"))) }
        lab.passUnattended(.seconds(3_600))
        try await lab.send(Lab.submission([Lab.job()], key: key("young")))
        let gone = try await lab.database.write { tx in
            try tx.prune(limit: 3, keysOlderThan: tx.now - 3_000_000)
        }
        #expect(gone == 3)
        let rest = try await lab.database.write { tx in
            try tx.prune(limit: 100, keysOlderThan: tx.now - 3_000_000)
        }
        #expect(rest == 2)
        let replay = try await lab.send(Lab.submission([Lab.job()], key: key("young")))
        guard case .replayed = replay else { throw NothingToClaim() }
    }
}
