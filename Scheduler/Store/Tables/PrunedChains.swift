internal import Domain

/// A link of which an owner's chain is pruned, or the checkpoint that one was pruned to.
struct OldLink: Sendable {
    let owner: OwnerID
    let position: Int64
    /// Empty at the checkpoint: its events are gone.
    let numbers: [Int64]
}

extension Transaction {
    /// The next links in the order of owners and positions.
    func links(after place: PruningPlace, limit: Int) throws -> [OldLink] {
        try rows(
            """
            SELECT owner_id, position, numbers FROM chain_links
            WHERE (owner_id, position) > (\(place.place), \(place.number))
            ORDER BY owner_id, position LIMIT \(limit)
            """
        ) { row in
            let (owner, position, text) = try (OwnerID(row.text()), row.integer(), row.text())
            guard let numbers = text.isEmpty ? [] : EventNumbers(text: text, most: ChainLink.most)?.numbers else {
                throw InternalError.unreadable("the chain of \(owner) at \(position)")
            }
            return OldLink(owner: owner, position: position, numbers: numbers)
        }
    }

    /// Those of these events that were recorded before an instant, or are gone.
    func oldEvents(_ numbers: [Int64], before instant: Int64) throws -> Set<Int64> {
        var old = Set(numbers)
        try SQL.chunked(numbers) { chunk in
            let young = try rows("SELECT seq, created_at FROM recorded_events WHERE seq \(in: chunk)") { row in
                try (seq: row.integer(), at: row.integer())
            }
            old.subtract(young.lazy.filter { $0.at > instant }.map(\.seq))
        }
        return old
    }

    /// Ends what is left of chains' beginnings: of each owner the links before the checkpoint go, and the checkpoint's
    /// row stays without its events, for the rest to be verified from. Returns how many links are gone.
    func cutChains(_ checkpoints: [(owner: OwnerID, position: Int64)], links: [OldLink]) throws -> Int {
        let gone = SQL.Rows("gone", ["owner", "place"], of: links) { [.text($0.owner.text), .integer($0.position)] }
        let count = try execute(
            "DELETE FROM chain_links \(using: gone) WHERE owner_id \(is: gone.owner) AND position \(is: gone.place)")
        let left = SQL.Rows("left_over", ["owner", "place"], of: checkpoints) {
            [.text($0.owner.text), .integer($0.position)]
        }
        try execute(
            """
            UPDATE chain_links SET numbers = '' \(from: left)
            WHERE chain_links.owner_id \(is: left.owner) AND chain_links.position \(is: left.place)
            """)
        return count
    }

    func deleteEvents(_ numbers: [Int64]) throws -> Int {
        var gone = 0
        try SQL.chunked(numbers) { gone += try execute("DELETE FROM recorded_events WHERE seq \(in: $0)") }
        return gone
    }
}
