import Domain
import Engine
import Support
import Testing
@testable import Store

@Suite("The sealer")
struct SealerTests {
    @Test("begins where something waits, and finds what comes late below that", arguments: TestDatabase.all)
    func mark(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let sealer = EventSealer(lab.database, world: lab.world)
        func waiting() async throws -> Int64? {
            try await lab.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM unsealed_events") { try $0.integer() }
            }
        }
        for _ in 0..<3 { try await lab.submit() }
        #expect(try await sealer.round() > .zero)
        #expect(try await waiting() == 0)
        for _ in 0..<3 { try await lab.submit() }
        _ = try await sealer.round()
        #expect(try await waiting() == 0)
        // As if the first event's transaction had taken until now: its row comes below the mark.
        try await lab.database.write { tx in
            try tx.execute("DELETE FROM chain_links")
            try tx.execute(
                """
                INSERT INTO unsealed_events (seq, owner_id, events, numbers)
                SELECT seq, owner_id, 1, CAST(seq AS TEXT) FROM recorded_events
                """)
        }
        // A full read comes after twenty times what the last one took, which on a busy machine is long.
        lab.passUnattended(.seconds(3_600))
        _ = try await sealer.round()
        #expect(try await waiting() == 0)
        try await lab.expectChain(of: Lab.alice)
        try await lab.expectBooksBalance()
    }

    @Test("goes on at once while more waits than a round seals", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let sealer = EventSealer(lab.database, world: lab.world)
        try await lab.database.write { tx in
            try tx.record(
                (0..<1_001).map { Event(owner: Lab.alice, type: .jobEnded, actor: "a", object: "\($0)") })
        }
        #expect(try await sealer.round() == .zero)
        #expect(try await sealer.round() > .zero)
        try await lab.expectBooksBalance()
    }

    @Test(
        "leaves a reader's call little: nothing for a full page, else his own chain alone, in bounds",
        arguments: TestDatabase.all)
    func reader(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let chain = AuditChain(lab.database)
        func waiting(of id: OwnerID) async throws -> Int64? {
            let owner = id.text
            return try await lab.database.read { tx in
                try tx.first(
                    "SELECT CAST(COALESCE(SUM(events), 0) AS BIGINT) FROM unsealed_events WHERE owner_id = \(owner)"
                ) { try $0.integer() }
            }
        }
        func record(_ count: Int, of owner: OwnerID) async throws {
            try await lab.database.write { tx in
                try tx.record((0..<count).map { Event(owner: owner, type: .jobEnded, actor: "a", object: "\($0)") })
            }
        }
        try await record(200, of: Lab.alice)
        #expect(try await chain.events(of: Lab.alice, offset: 0, limit: 100).count == 100)
        for part in 0..<3 { try await record(2_500, of: part == 1 ? Lab.bob : Lab.alice) }
        try await record(2_500, of: Lab.alice)
        // What is sealed fills the page.
        #expect(try await chain.events(of: Lab.alice, offset: 100, limit: 100).count == 100)
        #expect(try await waiting(of: Lab.alice) == 7_500)
        // It doesn't: as many as one call may seal.
        #expect(try await chain.events(of: Lab.alice, offset: 150, limit: 100).count == 100)
        let left = try #require(try await waiting(of: Lab.alice))
        #expect(left > 0 && left <= 2_500)
        #expect(try await waiting(of: Lab.bob) == 2_500)
        #expect(try await chain.events(of: Lab.alice, offset: 7_600, limit: 100).count == 100)
        #expect(try await waiting(of: Lab.alice) == 0)
        #expect(try await waiting(of: Lab.bob) == 2_500)
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        try await lab.expectBooksBalance()
    }
}
