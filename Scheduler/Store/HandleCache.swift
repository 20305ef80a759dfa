internal import Domain
internal import Synchronization

/// What members are called, as this process last read it: a member has its handle, or none, for ever. Those that
/// weren't asked for since a generation began go with the one before it.
final class HandleCache: Sendable {
    private struct Generations {
        var young: [String: String] = [:]
        var old: [String: String] = [:]
    }

    private let generations = Mutex(Generations())
    /// How many members a generation holds.
    private let capacity: Int

    init(capacity: Int = 10_000) { self.capacity = capacity }

    /// Those that are known of these members.
    func recall(_ ids: Set<String>) -> [String: String] {
        generations.withLock { generations in
            var found: [String: String] = [:]
            found.reserveCapacity(ids.count)
            for id in ids {
                if let handle = generations.young[id] {
                    found[id] = handle
                } else if let handle = generations.old[id] {
                    found[id] = handle
                    add(handle, of: id, to: &generations)
                }
            }
            return found
        }
    }

    func remember(_ handles: [(id: String, handle: String)]) {
        generations.withLock { generations in
            for (id, handle) in handles { add(handle, of: id, to: &generations) }
        }
    }

    private func add(_ handle: String, of id: String, to generations: inout Generations) {
        if generations.young.count >= capacity {
            swap(&generations.old, &generations.young)
            generations.young.removeAll(keepingCapacity: true)
        }
        generations.young[id] = handle
    }
}

extension Transaction {
    /// Puts what members are called, their handles or else their ids, where their ids stand.
    ///
    ///     try putHandles(in: &comments) { $0.author = $1($0.author) }
    func putHandles<Item>(
        in items: inout [Item], _ put: (_ item: inout Item, _ handle: (_ id: String) -> String) -> Void
    ) throws {
        var ids: Set<String> = []
        for index in items.indices {
            put(&items[index]) { id in
                ids.insert(id)
                return id
            }
        }
        let handles = try handles(of: ids)
        for index in items.indices { put(&items[index]) { handles[$0] ?? $0 } }
    }

    private func handles(of ids: Set<String>) throws -> [String: String] {
        var found = handleCache?.recall(ids) ?? [:]
        guard found.count < ids.count else { return found }
        try SQL.chunked(ids.filter { found[$0] == nil }.sorted()) { chunk in
            let read = try rows("SELECT id, COALESCE(handle, id) FROM members WHERE id IN (\(list: chunk))") { row in
                try (id: row.text(), handle: row.text())
            }
            handleCache?.remember(read)
            for (id, handle) in read { found[id] = handle }
        }
        return found
    }
}
