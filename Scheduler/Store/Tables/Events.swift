internal import Bytes
internal import Domain

extension Transaction {
    /// Records facts in the commit that makes them true, and that they wait for a place in their owners' chains.
    func record(_ events: [Event]) throws {
        var numbers: [OwnerID: [Int64]] = [:]
        try SQL.chunked(events) { chunk in
            let recorded = chunk.map { event in
                [
                    Value.text(Identifier<Event>.random(prefix: "aud_", using: &random).text),
                    .text(event.owner.text), .text(event.type.rawValue), .text(event.actor), .text(event.object),
                    .text(event.metadata), .integer(now),
                ]
            }
            let given = try rows(
                """
                INSERT INTO recorded_events (id, owner_id, type, actor, object_id, metadata, created_at)
                VALUES \(rows: recorded) RETURNING owner_id, seq
                """
            ) { row in try (OwnerID(row.text()), row.integer()) }
            for (owner, seq) in given { numbers[owner, default: []].append(seq) }
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
                WHERE seq IN (\(list: chunk))
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
