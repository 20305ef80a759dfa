package import Domain

/// Events of one owner that were recorded together and wait for their places in its chain.
package struct UnsealedEvents: Sendable {
    package let owner: OwnerID
    /// Ascending, at least one, at most 128.
    package let numbers: [Int64]

    init(owner: OwnerID, numbers: [Int64]) {
        self.owner = owner
        self.numbers = numbers
    }

    /// As few as can be of these numbers.
    static func parts(of owner: OwnerID, _ numbers: [Int64]) -> [UnsealedEvents] {
        var parts: [UnsealedEvents] = []
        var rest = numbers.sorted()[...]
        while !rest.isEmpty {
            parts.append(UnsealedEvents(owner: owner, numbers: Array(rest.prefix(ChainLink.most))))
            rest = rest.dropFirst(ChainLink.most)
        }
        return parts
    }

    /// Its key: the lowest number.
    package var seq: Int64 { numbers.first ?? 0 }
}

/// Events of one owner that were sealed together: consecutive places of its chain.
struct ChainLink: Sendable {
    /// How many events a link may have. Whoever reads one of them works out the hashes of all before it.
    static let most = 128

    let owner: OwnerID
    /// The place of the last of them; the first event of a chain has place 1.
    let position: Int64
    /// In the order of the chain.
    let numbers: [Int64]
    /// The last one's, 64 hex digits.
    let hash: String
}

/// Where a chain ends, or goes on from.
struct ChainEnd: Sendable {
    static let start = ChainEnd(position: 0, hash: String(repeating: "0", count: 64))

    var position: Int64
    var hash: String
}

extension Transaction {
    func insertUnsealed(_ unsealed: [UnsealedEvents]) throws {
        let rows = SQL.Rows("unsealed", ["seq", "owner_id", "events", "numbers"], of: unsealed) { events in
            [
                .integer(events.seq), .text(events.owner.text), .int(events.numbers.count),
                .text(EventNumbers(events.numbers).text),
            ]
        }
        try executeLater("INSERT INTO unsealed_events \(inserting: rows)")
    }

    /// What PostgreSQL inserts, with its owner and its number, and lists as what waits: the same as `insertUnsealed`.
    func listing(_ insert: SQL) -> SQL {
        """
        WITH given AS (\(sql: insert)), parts AS (
            SELECT owner_id, seq, (ROW_NUMBER() OVER (PARTITION BY owner_id ORDER BY seq) - 1) / 128 AS part FROM given)
        INSERT INTO unsealed_events (seq, owner_id, events, numbers)
        SELECT MIN(seq), owner_id, COUNT(*), string_agg(CAST(seq AS TEXT), ',' ORDER BY seq) FROM parts
        GROUP BY owner_id, part
        """
    }

    /// What waits from a sequence number on, the oldest first.
    func unsealed(from seq: Int64, limit: Int) throws -> [UnsealedEvents] {
        try unsealed(
            """
            SELECT seq, owner_id, numbers FROM unsealed_events WHERE seq >= \(seq) ORDER BY seq LIMIT \(limit)
            """)
    }

    /// What waits of one owner, the oldest first.
    func unsealed(of owner: OwnerID, limit: Int) throws -> [UnsealedEvents] {
        try unsealed(
            """
            SELECT seq, owner_id, numbers FROM unsealed_events WHERE owner_id = \(owner.text)
            ORDER BY owner_id, seq LIMIT \(limit)
            """)
    }

    private func unsealed(_ query: SQL) throws -> [UnsealedEvents] {
        try rows(query) { row in
            let seq = try row.integer()
            let owner = try OwnerID(row.text())
            guard let numbers = EventNumbers(text: try row.text(), most: ChainLink.most)?.numbers else {
                throw InternalError.unreadable("unsealed events \(seq)")
            }
            return UnsealedEvents(owner: owner, numbers: numbers)
        }
    }

    /// Takes out of what waits; returns the keys of what was there. Whoever takes the same at this moment is waited
    /// for.
    func takeUnsealed(_ keys: [Int64]) throws -> Set<Int64> {
        var taken: Set<Int64> = []
        try SQL.chunked(keys) { chunk in
            let found = try rows("DELETE FROM unsealed_events WHERE seq \(in: chunk) RETURNING seq") {
                try $0.integer()
            }
            taken.formUnion(found)
        }
        return taken
    }

    /// Where the chains of these owners end, without those that have not begun.
    func chainEnds(of owners: [OwnerID]) throws -> [OwnerID: ChainEnd] {
        let wanted = SQL.Rows("wanted", ["owner"], of: owners) { [.text($0.text)] }
        // Two look-ups for each owner: whatever the planner believes of the tables, there is no other way to do it.
        let found = try rows(
            """
            SELECT \(wanted.owner),
                (SELECT position FROM chain_links WHERE owner_id = \(wanted.owner)
                    ORDER BY owner_id DESC, position DESC LIMIT 1),
                (SELECT hash FROM chain_links WHERE owner_id = \(wanted.owner)
                    ORDER BY owner_id DESC, position DESC LIMIT 1)
            \(from: wanted)
            """
        ) { row in try (OwnerID(row.text()), row.optionalInteger(), row.optionalText()) }
        var ends: [OwnerID: ChainEnd] = [:]
        for case (let owner, let position?, let hash?) in found {
            ends[owner] = ChainEnd(position: position, hash: hash)
        }
        return ends
    }

    /// Throws `DatabaseError.conflict` when somebody else gave one of these places at the same moment.
    func insertLinks(_ links: [ChainLink]) throws {
        let rows = SQL.Rows("links", ["owner_id", "position", "events", "numbers", "hash"], of: links) { link in
            [
                .text(link.owner.text), .integer(link.position), .int(link.numbers.count),
                .text(EventNumbers(link.numbers).text), .text(link.hash),
            ]
        }
        try executeLater("INSERT INTO chain_links \(inserting: rows)")
    }
}
