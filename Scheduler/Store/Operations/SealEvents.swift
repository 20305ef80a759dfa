internal import Bytes
package import Domain

/// Events that wait for their places, with what their hashes are made of. An event never changes, so all that is heavy
/// is done outside of the transaction that seals.
package struct SealableEvents: Sendable {
    /// The oldest first.
    let unsealed: [UnsealedEvents]
    private let recorded: [Int64: RecordedEvent]
    /// By number.
    private(set) var canonical: [Int64: [UInt8]] = [:]

    fileprivate init(_ unsealed: [UnsealedEvents], _ recorded: [Int64: RecordedEvent]) {
        self.unsealed = unsealed
        self.recorded = recorded
    }

    /// How many there are.
    package var count: Int { unsealed.reduce(0) { $0 + $1.numbers.count } }
    /// The lowest number.
    package var lowest: Int64? { unsealed.first?.seq }

    /// Works out the bytes that are hashed.
    package mutating func prepare() throws { canonical = try recorded.mapValues { try $0.canonical() } }
}

extension Transaction {
    /// Reads what waits from a sequence number on, the oldest first: about as many events as `limit`.
    package func sealable(from seq: Int64, limit: Int) throws -> SealableEvents {
        try sealable(unsealed(from: seq, limit: limit), limit: limit)
    }

    /// Reads what waits of one owner.
    package func sealable(of owner: OwnerID, limit: Int) throws -> SealableEvents {
        try sealable(unsealed(of: owner, limit: limit), limit: limit)
    }

    private func sealable(_ waiting: [UnsealedEvents], limit: Int) throws -> SealableEvents {
        var count = 0
        let unsealed = waiting.prefix { events in
            defer { count += events.numbers.count }
            return count < limit
        }
        return SealableEvents(Array(unsealed), try events(unsealed.flatMap(\.numbers)))
    }

    /// Gives events their places in their owners' chains: `hash` = SHA-256 hex of `prev_hash` + the event's canonical
    /// JSON (CONTRACT 5). Only those that nobody has sealed meanwhile; returns how many they were. Throws
    /// `DatabaseError.conflict` when somebody else went on with the same chain at this moment.
    @discardableResult
    package func seal(_ batch: SealableEvents) throws -> Int {
        let taken = try takeUnsealed(batch.unsealed.map(\.seq).sorted())
        var numbers: [OwnerID: [Int64]] = [:]
        for events in batch.unsealed where taken.contains(events.seq) {
            numbers[events.owner, default: []].append(contentsOf: events.numbers)
        }
        // All sealers in one order, so that none waits for another that waits for it.
        let owners = numbers.keys.sorted { $0.text < $1.text }
        // Read after the rows were taken: who had them before has committed.
        let ends = try chainEnds(of: owners)
        var links: [ChainLink] = []
        for owner in owners {
            var end = ends[owner] ?? .start
            var rest = (numbers[owner] ?? []).sorted()[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(ChainLink.most))
                rest = rest.dropFirst(part.count)
                for number in part {
                    guard let event = batch.canonical[number] else {
                        throw InternalError.unreadable("event \(number), which is to be sealed")
                    }
                    end = ChainEnd(position: end.position + 1, hash: SHA256.hex(Array(end.hash.utf8) + event))
                }
                links.append(ChainLink(owner: owner, position: end.position, numbers: part, hash: end.hash))
            }
        }
        try insertLinks(links)
        return numbers.values.reduce(0) { $0 + $1.count }
    }
}
