internal import Bytes
internal import Domain

extension Transaction {
    /// Records facts in the commit that makes them true, and that they wait for a place in their owners' chains.
    func record(_ events: [Event]) throws {
        let columns: [StaticString] = ["id", "owner_id", "type", "actor", "object_id", "metadata", "created_at"]
        let happened = SQL.Rows("happened", columns, of: events) { event in
            [
                .text(Identifier<Event>.random(prefix: "aud_", using: &random).text), .text(event.owner.text),
                .text(event.type.rawValue), .text(event.actor), .text(event.object), .text(event.metadata),
                .integer(now),
            ]
        }
        let insert: SQL = "INSERT INTO recorded_events \(inserting: happened) RETURNING owner_id, seq"
        // PostgreSQL lists them in the same statement, so that nobody waits for their numbers.
        if sqlEngine == .postgres { return try executeLater(listing(insert)) }
        var numbers: [OwnerID: [Int64]] = [:]
        for (owner, seq) in try rows(insert, { row in try (OwnerID(row.text()), row.integer()) }) {
            numbers[owner, default: []].append(seq)
        }
        try insertUnsealed(numbers.flatMap { UnsealedEvents.parts(of: $0.key, $0.value) })
    }

    func record(_ event: Event) throws { try record([event]) }

    /// The events with these numbers.
    func events(_ numbers: [Int64]) throws -> [Int64: RecordedEvent] {
        var found: [Int64: RecordedEvent] = [:]
        found.reserveCapacity(numbers.count)
        try SQL.chunked(numbers) { chunk in
            let events = try rows(
                """
                SELECT seq, id, type, actor, object_id, metadata, created_at FROM recorded_events
                WHERE seq \(in: chunk)
                """
            ) { row in
                try (
                    row.integer(),
                    RecordedEvent(
                        id: row.text(), type: row.text(), actor: row.text(), object: row.text(),
                        metadata: row.text(), createdAt: row.integer())
                )
            }
            for (number, event) in events { found[number] = event }
        }
        return found
    }
}
