internal import Bytes
package import Domain

/// An event as it was recorded.
package struct RecordedEvent: Sendable {
    package var id: String
    package var type: String
    package var actor: String
    package var object: String
    /// A JSON object.
    package var metadata: String
    package var createdAt: Int64

    /// As the API shows it, without its hashes: keys sorted, `", "` and `": "` between, ASCII.
    package func canonical() throws -> [UInt8] {
        guard let metadata = try? JSON(parsing: Array(metadata.utf8)) else {
            throw InternalError.unreadable("metadata of \(id)")
        }
        let event: JSON = [
            "id": .string(id), "type": .string(type), "actor": .string(actor), "object_id": .string(object),
            "metadata": metadata, "created_at": .string(RFC3339.format(createdAt)),
        ]
        return event.bytes(.canonical)
    }
}

/// An event with its place in its owner's chain.
package struct SealedEvent: Sendable {
    package var event: RecordedEvent
    package var prevHash: String
    package var hash: String
}

/// The last event that was pruned of a chain.
package struct ChainCheckpoint: Sendable {
    /// How many events of the chain are gone.
    package let position: Int64
    /// Its hash, 64 hex digits: the `prev_hash` of the first event that is left.
    package let hash: String
}

/// A part of an owner's chain as it is stored: links, their events, and what they go on from.
package struct ChainPage: Sendable {
    private let start: ChainEnd
    private let links: [ChainLink]
    private let recorded: [Int64: RecordedEvent]
    /// The places that were asked for.
    private let wanted: Range<Int64>

    fileprivate init(
        _ start: ChainEnd, _ links: [ChainLink], _ recorded: [Int64: RecordedEvent], _ wanted: Range<Int64>
    ) {
        self.start = start
        self.links = links
        self.recorded = recorded
        self.wanted = wanted
    }

    /// The events in the order of the chain. The hash of a link's last event is the one that was stored, the others
    /// follow from what is before them: an event that was changed shows by a hash that doesn't fit.
    package func events() throws -> [SealedEvent] {
        var sealed: [SealedEvent] = []
        var end = start
        for link in links {
            guard link.position - Int64(link.numbers.count) == end.position else {
                throw InternalError.unreadable("the chain of \(link.owner) before \(link.position)")
            }
            for number in link.numbers {
                let position = end.position + 1
                guard position < wanted.upperBound else { return sealed }
                guard let event = recorded[number] else {
                    throw InternalError.unreadable("event \(number) of the chain of \(link.owner)")
                }
                let hash =
                    position == link.position
                    ? link.hash : SHA256.hex(Array(end.hash.utf8) + (try event.canonical()))
                if wanted.contains(position) {
                    sealed.append(SealedEvent(event: event, prevHash: end.hash, hash: hash))
                }
                end = ChainEnd(position: position, hash: hash)
            }
        }
        return sealed
    }
}

extension Transaction {
    /// Reads the events of an owner's chain after the first `offset` of those that are left, at most `limit`.
    package func chainPage(of owner: OwnerID, offset: Int64, limit: Int64) throws -> ChainPage {
        let most = Int64(ChainLink.most)
        let (offset, isBeyond) = offset.addingReportingOverflow(try checkpoint(of: owner)?.position ?? 0)
        guard !isBeyond else { return ChainPage(.start, [], [:], 0..<0) }
        // No chain is as long as the numbers at which this arithmetic would end.
        let end = offset.addingReportingOverflow(limit)
        let last = end.overflow || end.partialValue > .max - most ? .max - most : end.partialValue
        guard 0 <= offset, offset < last else { return ChainPage(.start, [], [:], 0..<0) }
        let wanted = (offset + 1)..<(last + 1)
        let links = try rows(
            """
            SELECT position, numbers, hash FROM chain_links
            WHERE owner_id = \(owner.text) AND position > \(offset)
                AND position < \(last + most)
            ORDER BY owner_id, position LIMIT \(limit)
            """
        ) { row in
            let position = try row.integer()
            guard let numbers = EventNumbers(text: try row.text(), most: ChainLink.most)?.numbers else {
                throw InternalError.unreadable("the chain of \(owner) at \(position)")
            }
            return try ChainLink(owner: owner, position: position, numbers: numbers, hash: row.text())
        }
        guard !links.isEmpty else { return ChainPage(.start, [], [:], wanted) }
        let start = try first(
            """
            SELECT position, hash FROM chain_links WHERE owner_id = \(owner.text) AND position <= \(offset)
            ORDER BY owner_id DESC, position DESC LIMIT 1
            """
        ) { row in try ChainEnd(position: row.integer(), hash: row.text()) }
        let begin = start ?? .start
        // Those of the last link that come after the page aren't needed.
        let needed = links.flatMap(\.numbers).prefix(Int(clamping: wanted.upperBound - 1 - begin.position))
        return ChainPage(begin, links, try events(Array(needed)), wanted)
    }

    /// What an owner's chain was pruned to; nil when nothing was.
    package func checkpoint(of owner: OwnerID) throws -> ChainCheckpoint? {
        let first = try first(
            """
            SELECT position, numbers, hash FROM chain_links WHERE owner_id = \(owner.text)
            ORDER BY owner_id, position LIMIT 1
            """
        ) { row in try (position: row.integer(), numbers: row.text(), hash: row.text()) }
        return first.flatMap { $0.numbers.isEmpty ? ChainCheckpoint(position: $0.position, hash: $0.hash) : nil }
    }
}
