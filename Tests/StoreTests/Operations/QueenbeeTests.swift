import Bytes
import Domain
import Store
import Support
import Testing

@Suite("The queenbee and roles", .timeLimit(.minutes(2)))
struct QueenbeeTests {
    private func open(_ database: TestDatabase) async throws -> Database {
        let store = try await database.open()
        _ = try await store.migrate(Migration.all)
        return store
    }

    private func role(of text: String, in store: Database) async throws -> Member.Role? {
        try await store.read { try $0.keyHolder(hash: SHA256.hex(text)) }?.member.role
    }

    @Test("a configured key takes the place of the one before, and of no other", arguments: TestDatabase.all)
    func configured(on database: TestDatabase) async throws {
        let store = try await open(database)
        func configure(_ text: String) async throws -> KeyConfiguration {
            try await store.write { try $0.configureQueenbee(KeyText(text)) }
        }
        _ = try await store.write { tx in
            try tx.makeKey(
                KeyText("printed"), name: nil, expiresAt: nil, for: Member.queenbee,
                by: KeyChanger(actor: "operator", bearerHash: nil))
        }
        #expect(try await configure("one") == .isValid(ended: []))
        #expect(try await configure("one") == .isValid(ended: []))
        #expect(try await configure("two") == .isValid(ended: [SHA256.hex("one")]))
        #expect(try await role(of: "two", in: store) == .queenbee)
        #expect(try await role(of: "printed", in: store) == .queenbee)
        #expect(try await role(of: "one", in: store) == nil)
        #expect(try await configure("one") == .wasRevoked)
        #expect(try await role(of: "one", in: store) == nil)
        #expect(try await role(of: "two", in: store) == .queenbee)
        let events = try await store.chain(of: OwnerID(Member.queenbee.text))
        #expect(
            events.map(\.type) == ["api_key_created", "api_key_created", "api_key_created", "api_key_revoked"]
                && events.allSatisfy { $0.actor == "operator" })
    }

    @Test("another member's key can't be made the queenbee's", arguments: TestDatabase.all)
    func another(on database: TestDatabase) async throws {
        let store = try await open(database)
        let profile = AgentProfile(name: "Maya", handle: nil, description: nil, moltbookID: nil, walletAddress: nil)
        _ = try await store.write { try $0.registerAgent(profile, keyHash: SHA256.hex("mine"), keyPrefix: "mine") }
        #expect(try await store.write { try $0.configureQueenbee(KeyText("mine")) } == .isAnother)
        #expect(try await role(of: "mine", in: store) == .member)
    }

    @Test("a member becomes an admin and a member again; the queenbee stays what she is", arguments: TestDatabase.all)
    func roles(on database: TestDatabase) async throws {
        let store = try await open(database)
        let profile = AgentProfile(name: "Maya", handle: "maya", description: nil, moltbookID: nil, walletAddress: nil)
        let maya = try await store.write { try $0.registerAgent(profile, keyHash: SHA256.hex("m"), keyPrefix: "m") }
        func change(_ id: MemberID, _ role: Member.Role) async throws -> Member.Role {
            try await store.write { try $0.changeRole(of: id, to: role, actor: "operator") }.role
        }
        #expect(try await change(maya.id, .admin) == .admin)
        #expect(try await role(of: "m", in: store) == .admin)
        #expect(try await change(maya.id, .admin) == .admin)
        #expect(try await change(maya.id, .member) == .member)
        await #expect(throws: Refusal.self) { _ = try await change(maya.id, .queenbee) }
        await #expect(throws: Refusal.self) { _ = try await change(Member.queenbee, .member) }
        await #expect(throws: Refusal.notFound("member")) { _ = try await change(MemberID("none"), .admin) }
        let events = try await store.chain(of: maya.owner)
        #expect(events.map(\.type).filter { $0 == "member_role_changed" }.count == 2)
    }

    @Test("keys of a database from before get ids of their own and stay good", arguments: TestDatabase.all)
    func old(on database: TestDatabase) async throws {
        let store = try await database.open()
        let before = Migration.all.prefix { $0.name != "0006_keys" }
        _ = try await store.migrate(Array(before))
        let hashes = (0..<50).map { SHA256.hex("\($0)") }
        try await store.write { tx in
            for hash in hashes {
                try tx.execute(
                    """
                    INSERT INTO api_keys (hash, member_id, prefix, created_at)
                    VALUES (\(hash), \(Member.queenbee.text), 'hf_0123', 1)
                    """)
            }
        }
        _ = try await store.migrate(Migration.all)
        let keys = try await store.read { try $0.keys(of: Member.queenbee, after: nil, limit: 100) }
        #expect(keys.map(\.id.text) == hashes.map { "key_" + $0.prefix(16) }.sorted())
        #expect(try await role(of: "7", in: store) == .queenbee)
    }
}
