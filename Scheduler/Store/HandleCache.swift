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
