import Bytes
import Domain
import Store
import Support
import Testing

@Suite("API keys", .timeLimit(.minutes(2)))
struct KeyTests {
    /// A member with one key, and a clock.
    private struct Holder: Sendable {
        let store: Database
        let clock = TestClock()
        let member: Member
        let first: APIKey

        init(_ database: TestDatabase) async throws {
            store = try await database.open(clock: clock)
            _ = try await store.migrate(Migration.all)
            let profile = AgentProfile(
                name: "Maya", handle: "maya", description: nil, moltbookID: nil, walletAddress: nil)
            member = try await store.write { tx in
                try tx.registerAgent(profile, keyHash: SHA256.hex("first"), keyPrefix: "first")
            }
            let id = member.id
            first = try #require(try await store.read { try $0.keys(of: id, after: nil, limit: 9) }.first)
        }

        func by(_ text: String?) -> KeyChanger {
            KeyChanger(actor: member.id.text, bearerHash: text.map { SHA256.hex($0) })
        }

        func make(_ text: String, until end: Int64? = nil, by bearer: String? = "first") async throws -> APIKey {
            try await store.write { [member] tx in
                try tx.makeKey(KeyText(text), name: text, expiresAt: end, for: member.id, by: by(bearer))
            }
        }

        @discardableResult
        func revoke(_ key: APIKey, by bearer: String?) async throws -> EndedKey {
            try await store.write { [member] tx in try tx.revokeKey(key.id, of: member.id, by: by(bearer)) }
        }

        func rotate(
            _ key: APIKey, to text: String, grace: Int64 = 0, by bearer: String?
        ) async throws -> (new: APIKey, old: EndedKey) {
            try await store.write { [member] tx in
                try tx.rotateKey(key.id, to: KeyText(text), grace: grace, of: member.id, by: by(bearer))
            }
        }

        /// Which of these are good.
        func good(_ texts: String...) async throws -> [String] {
            var good: [String] = []
            for text in texts {
                let holder = try await store.read { try $0.keyHolder(hash: SHA256.hex(text)) }
                if holder?.member.id == member.id { good.append(text) }
            }
            return good
        }
    }

    @Test("a key is good until it is revoked or its time has come", arguments: TestDatabase.all)
    func ends(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        let second = try await holder.make("second")
        _ = try await holder.make("brief", until: holder.clock.now + 60_000)
        #expect(try await holder.good("first", "second", "brief") == ["first", "second", "brief"])
        let expiresIn = try #require(
            try await holder.store.read { try $0.keyHolder(hash: SHA256.hex("brief"))?.expiresIn })
        #expect((1...60_000).contains(expiresIn))
        #expect(try await holder.revoke(second, by: "first").hash == SHA256.hex("second"))
        #expect(try await holder.revoke(second, by: "first").hash == nil)
        holder.clock.advance(by: .seconds(61))
        #expect(try await holder.good("first", "second", "brief") == ["first"])
        await #expect(throws: Refusal.self) { try await holder.make("past", until: holder.clock.now - 1) }
        let kept = try await holder.store.read { try $0.keys(of: holder.member.id, after: nil, limit: 9) }
        #expect(kept.count == 3 && kept.map(\.id) == kept.map(\.id).sorted())
        #expect(kept.filter { $0.isValid(at: holder.clock.now) }.map(\.id) == [holder.first.id])
    }

    @Test("the last valid key can be rotated by a key, and revoked by the operator only", arguments: TestDatabase.all)
    func last(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        _ = try await holder.make("brief", until: holder.clock.now + 60_000)
        holder.clock.advance(by: .seconds(61))
        await #expect(throws: Refusal.self) { try await holder.revoke(holder.first, by: "first") }
        let (new, old) = try await holder.rotate(holder.first, to: "next", by: "first")
        #expect(old.hash == SHA256.hex("first") && old.key.revokedAt != nil)
        #expect(try await holder.good("first", "next") == ["next"])
        await #expect(throws: Refusal.self) { try await holder.revoke(new, by: "next") }
        try await holder.revoke(new, by: nil)
        #expect(try await holder.good("next") == [])
    }

    @Test("a key that is lent for an hour ends none that outlives it", arguments: TestDatabase.all)
    func lent(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        let lent = try await holder.make("lent", until: holder.clock.now + 3_600_000)
        let brief = try await holder.make("brief", until: holder.clock.now + 60_000)
        await #expect(throws: Refusal.wrongState("this key outlives the one that the call came with")) {
            try await holder.revoke(holder.first, by: "lent")
        }
        try await holder.revoke(brief, by: "lent")
        try await holder.revoke(lent, by: "lent")
        #expect(try await holder.good("first", "lent", "brief") == ["first"])
    }

    @Test("of two revocations at once that would leave no key, one is refused", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        for _ in 0..<10 {
            let holder = try await Holder(database)
            let second = try await holder.make("second")
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for (key, bearer) in [(second, "first"), (holder.first, "second")] {
                    group.addTask { (try? await holder.revoke(key, by: bearer)) != nil }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            #expect(outcomes.count { $0 } == 1)
            #expect(try await holder.good("first", "second").count == 1)
        }
    }

    @Test("a rotated key stays good for its grace and no longer than it would have been", arguments: TestDatabase.all)
    func grace(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        let brief = try await holder.make("brief", until: holder.clock.now + 600_000)
        let (first, old) = try await holder.rotate(holder.first, to: "next", grace: 3_600_000, by: "first")
        #expect(first.expiresAt == nil && first.name == nil && old.key.revokedAt == nil)
        let (second, other) = try await holder.rotate(brief, to: "briefer", grace: 3_600_000, by: "next")
        #expect(second.expiresAt == brief.expiresAt && second.name == "brief" && other.key.expiresAt == brief.expiresAt)
        holder.clock.advance(by: .seconds(500))
        #expect(try await holder.good("first", "brief", "briefer") == ["first", "brief", "briefer"])
        holder.clock.advance(by: .seconds(101))
        #expect(try await holder.good("first", "brief", "briefer") == ["first"])
        holder.clock.advance(by: .seconds(3_000))
        #expect(try await holder.good("first", "next") == ["next"])
        await #expect(throws: Refusal.self) { _ = try await holder.rotate(holder.first, to: "again", by: "next") }
    }

    @Test("a key makes none that outlives it, and one that has ended makes none", arguments: TestDatabase.all)
    func bounds(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        let end = holder.clock.now + 600_000
        let brief = try await holder.make("brief", until: end)
        await #expect(throws: Refusal.self) { try await holder.make("for ever", by: "brief") }
        await #expect(throws: Refusal.self) { try await holder.make("longer", until: end + 1, by: "brief") }
        await #expect(throws: Refusal.self) { _ = try await holder.rotate(holder.first, to: "taken over", by: "brief") }
        #expect(try await holder.make("as long", until: end, by: "brief").expiresAt == end)
        #expect(try await holder.make("by the operator", by: nil).expiresAt == nil)
        try await holder.revoke(brief, by: "first")
        await #expect(throws: Refusal.credentialEnded) { try await holder.make("late", until: end - 9, by: "brief") }
        await #expect(throws: Refusal.credentialEnded) { try await holder.revoke(holder.first, by: "brief") }
    }

    @Test("there is an end to how many valid keys one has", arguments: [TestDatabase.sqlite])
    func most(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        for number in 1..<100 { _ = try await holder.make("\(number)") }
        await #expect(throws: Refusal.self) { try await holder.make("one more") }
        _ = try await holder.rotate(holder.first, to: "instead", by: "first")
        #expect(try await holder.good("instead") == ["instead"])
    }

    @Test("another member's keys are not there", arguments: TestDatabase.all)
    func strangers(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        let queen = try await holder.store.write { tx in
            try tx.makeKey(
                KeyText("queen"), name: nil, expiresAt: nil, for: Member.queenbee,
                by: KeyChanger(actor: "operator", bearerHash: nil))
        }
        await #expect(throws: Refusal.notFound("key")) { try await holder.revoke(queen, by: "first") }
        await #expect(throws: Refusal.notFound("key")) { _ = try await holder.rotate(queen, to: "mine", by: "first") }
        #expect(try await holder.store.read { try $0.keyHolder(hash: SHA256.hex("queen")) }?.member.role == .queenbee)
    }

    @Test("uses are noted for many keys in one statement", arguments: TestDatabase.all)
    func uses(on database: TestDatabase) async throws {
        let holder = try await Holder(database)
        for number in 0..<70 { _ = try await holder.make("\(number)") }
        let hashes = (0..<70).map { SHA256.hex("\($0)") } + [SHA256.hex("nobody's")]
        try await holder.store.write { try $0.noteKeyUses(Set(hashes)) }
        let keys = try await holder.store.read { try $0.keys(of: holder.member.id, after: nil, limit: 100) }
        #expect(keys.count == 71)
        #expect(keys.filter { $0.lastUsedAt == nil }.map(\.id) == [holder.first.id])
    }
}
