package import Domain

/// An event with its place in its owner's chain.
package struct SealedEvent: Sendable {
    package var id: String
    package var type: String
    package var actor: String
    package var object: String
    package var metadata: String
    package var createdAt: Int64
    package var prevHash: String
    package var hash: String
}

extension Transaction {
    /// An owner's events in the order of its chain.
    package func events(of owner: OwnerID, offset: Int64, limit: Int64) throws -> [SealedEvent] {
        try rows(
            """
            SELECT id, type, actor, object_id, metadata, created_at, prev_hash, hash FROM events
            WHERE owner_id = \(owner.text) AND position > \(offset) ORDER BY owner_id, position LIMIT \(limit)
            """
        ) { row in
            try SealedEvent(
                id: row.text(), type: row.text(), actor: row.text(), object: row.text(), metadata: row.text(),
                createdAt: row.integer(), prevHash: row.text(), hash: row.text())
        }
    }

    /// Whether any event still has no place in its owner's chain.
    package func hasLooseEvents() throws -> Bool {
        try first("SELECT 1 FROM events WHERE position IS NULL LIMIT 1") { try $0.integer() } != nil
    }
}
