internal import Bytes
internal import Domain

extension Transaction {
    /// The hash before the first event.
    package static let chainStart = String(repeating: "0", count: 64)

    /// Gives events their places in their owners' chains: `hash` = SHA-256 hex of `prev_hash` + the event's
    /// canonical JSON (CONTRACT 5). Two sealers at once are kept apart by the locks and the unique place.
    /// Returns the sequence number to go on from and how many were sealed.
    package func sealEvents(from seq: Int64, limit: Int) throws -> (lowest: Int64?, count: Int) {
        let loose = try lockLoose(from: seq, limit: limit)
        guard let first = loose.first else { return (nil, 0) }
        var ends: [OwnerID: (position: Int64, hash: String)] = [:]
        for owner in Set(loose.map(\.owner)) {
            ends[owner] = try chainEnd(of: owner) ?? (0, Self.chainStart)
        }
        var places: [(seq: Int64, position: Int64, prevHash: String, hash: String)] = []
        for event in loose {
            let end = ends[event.owner] ?? (0, Self.chainStart)
            let hash = SHA256.hex(Array(end.hash.utf8) + (try event.canonical()))
            places.append((event.seq, end.position + 1, end.hash, hash))
            ends[event.owner] = (end.position + 1, hash)
        }
        try seal(places)
        return (first.seq, places.count)
    }
}

extension LooseEvent {
    func canonical() throws -> [UInt8] {
        try SealedEvent.canonical(
            id: id, type: type, actor: actor, object: object, metadata: metadata, createdAt: createdAt)
    }
}

extension SealedEvent {
    /// The event as the API shows it, without its hashes: keys sorted, `", "` and `": "` between, ASCII.
    package static func canonical(
        id: String, type: String, actor: String, object: String, metadata: String, createdAt: Int64
    ) throws -> [UInt8] {
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
