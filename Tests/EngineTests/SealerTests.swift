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
}
