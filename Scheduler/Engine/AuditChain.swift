package import Domain
package import Store

/// The audit log, in which each event of an owner is bound to the one before it by its hash (CONTRACT 5). Events get
/// their places a moment after their commit: `EventSealer` gives them, and so does whoever reads the chain.
package struct AuditChain: Sendable {
    /// How many events one round seals.
    static let perRound = 1_000
    /// Whoever reads while others write faster than this can seal has waited long enough.
    private static let maxRounds = 20

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// An owner's events in the order of its chain, those whose transaction is committed already among them.
    package func events(of owner: OwnerID, offset: Int64, limit: Int64) async throws -> [SealedEvent] {
        try await catchUp()
        return try await database.read { try $0.events(of: owner, offset: offset, limit: limit) }
    }

    /// One round: seals events from a sequence number on. Returns the lowest it found and how many it sealed.
    func seal(from seq: Int64) async throws -> (lowest: Int64?, count: Int) {
        try await database.write { try $0.sealEvents(from: seq, limit: Self.perRound) }
    }

    private func catchUp() async throws {
        for _ in 0..<Self.maxRounds {
            guard try await database.read({ try $0.hasLooseEvents() }) else { return }
            do {
                if try await seal(from: 0).count < Self.perRound { return }
            } catch DatabaseError.conflict {
                // Another process sealed the same events at the same moment: see what is left.
            }
        }
    }
}
