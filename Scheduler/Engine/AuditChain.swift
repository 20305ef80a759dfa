package import Domain
package import Store

/// The audit log, in which each event of an owner is bound to the one before it by its hash (CONTRACT 5). Events get
/// their places a moment after their commit: `EventSealer` gives them, and so does whoever reads a chain, to that one.
package struct AuditChain: Sendable {
    /// What one round found.
    package struct Sealing: Sendable {
        /// The lowest sequence number that waited; nil: none did.
        package let lowest: Int64?
        /// How many events waited, of which others may have sealed some meanwhile.
        package let found: Int
    }

    /// How many events one round seals.
    package static let perRound = 1_000
    /// How many rounds one reader's call seals, of its own chain: 5,000 events. The sealer gives the rest their places.
    private static let readerRounds = 5

    private let database: Database

    package init(_ database: Database) { self.database = database }

    /// An owner's events in the order of its chain, those whose transaction is committed already among them, as far as
    /// a call may seal. A page that is full without them seals none.
    /// - Parameter offset: how many of those that are left to pass over.
    package func events(of owner: OwnerID, offset: Int64, limit: Int64) async throws -> [SealedEvent] {
        try await page(of: owner, offset: offset, limit: limit).events
    }

    /// The same, and what the chain was pruned to; nil when all of it is there.
    package func page(
        of owner: OwnerID, offset: Int64, limit: Int64
    ) async throws -> (events: [SealedEvent], checkpoint: ChainCheckpoint?) {
        let sealed = try await sealedPage(of: owner, offset: offset, limit: limit)
        if sealed.events.count >= limit { return sealed }
        try await catchUp(owner)
        return try await sealedPage(of: owner, offset: offset, limit: limit)
    }

    private func sealedPage(
        of owner: OwnerID, offset: Int64, limit: Int64
    ) async throws -> (events: [SealedEvent], checkpoint: ChainCheckpoint?) {
        let (page, checkpoint) = try await database.read { tx in
            (try tx.chainPage(of: owner, offset: offset, limit: limit), try tx.checkpoint(of: owner))
        }
        return (try page.events(), checkpoint)
    }

    /// One round: seals events of all owners, from a sequence number on.
    package func seal(from seq: Int64, limit: Int = perRound) async throws -> Sealing {
        try await seal(database.read { try $0.sealable(from: seq, limit: limit) })
    }

    private func seal(_ batch: SealableEvents) async throws -> Sealing {
        let sealing = Sealing(lowest: batch.lowest, found: batch.count)
        guard sealing.found > 0 else { return sealing }
        var batch = batch
        try batch.prepare()
        let prepared = batch
        try await database.write { try $0.seal(prepared) }
        return sealing
    }

    /// Seals what waits of one owner, as far as a call may.
    private func catchUp(_ owner: OwnerID) async throws {
        for _ in 0..<Self.readerRounds {
            let batch = try await database.read { try $0.sealable(of: owner, limit: Self.perRound) }
            do {
                if try await seal(batch).found < Self.perRound { return }
            } catch DatabaseError.conflict {
                // Another process went on with the same chain at the same moment: see what is left.
            }
        }
    }
}
