internal import Bytes
internal import Domain

/// An event that has no place yet.
struct LooseEvent {
    var seq: Int64
    var id: String
    var owner: OwnerID
    var type: String
    var actor: String
    var object: String
    var metadata: String
    var createdAt: Int64
}

extension Transaction {
    /// Records facts in the commit that makes them true.
    func record(_ events: [Event]) throws {
        let columns: [StaticString] = ["id", "owner_id", "type", "actor", "object_id", "metadata", "created_at"]
        let rows = SQL.Rows("happened", columns, of: events) { event in
            [
                .text(Identifier<Event>.random(prefix: "aud_", using: &random).text), .text(event.owner.text),
                .text(event.type.rawValue), .text(event.actor), .text(event.object), .text(event.metadata),
                .integer(now),
            ]
        }
        try executeLater("INSERT INTO events \(inserting: rows)")
    }

    func record(_ event: Event) throws { try record([event]) }

    /// Locks events without a place, oldest first, from a sequence number on.
    func lockLoose(from seq: Int64, limit: Int) throws -> [LooseEvent] {
        try rows(
            """
            SELECT seq, id, owner_id, type, actor, object_id, metadata, created_at FROM events
            WHERE position IS NULL AND seq >= \(seq) ORDER BY seq LIMIT \(limit) \(.forUpdate)
            """
        ) { row in
            try LooseEvent(
                seq: row.integer(), id: row.text(), owner: OwnerID(row.text()), type: row.text(), actor: row.text(),
                object: row.text(), metadata: row.text(), createdAt: row.integer())
        }
    }

    /// The last place and hash of an owner's chain.
    func chainEnd(of owner: OwnerID) throws -> (position: Int64, hash: String)? {
        try first(
            """
            SELECT position, hash FROM events WHERE owner_id = \(owner.text) AND position IS NOT NULL
            ORDER BY owner_id DESC, position DESC LIMIT 1
            """
        ) { row in try (row.integer(), row.text()) }
    }

    /// (`COALESCE` keeps PostgreSQL from the partial index of loose events, where only the key will do.)
    func seal(_ places: [(seq: Int64, position: Int64, prevHash: String, hash: String)]) throws {
        let place = SQL.Rows("place", ["n", "at", "before", "sum"], of: places) { place in
            [.integer(place.seq), .integer(place.position), .text(place.prevHash), .text(place.hash)]
        }
        try executeLater(
            """
            UPDATE events SET position = \(place.at), prev_hash = \(place.before), hash = \(place.sum)
            \(from: place) WHERE events.seq \(is: place.n) AND COALESCE(events.position, 0) = 0
            """)
    }
}
