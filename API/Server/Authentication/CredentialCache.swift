internal import Synchronization

/// Who held a credential when it was last looked up, by what begins with the credential's SHA-256.
final class CredentialCache<Holder: Sendable>: Sendable {
    enum Memory {
        case fresh(Holder)
        /// It was good, and has to be looked up again.
        case stale
        case unknown
    }

    private struct Entry {
        let holder: Holder
        let until: Int64
    }

    private struct State {
        var entries: [[UInt8]: Entry] = [:]
        var drops = 0
    }

    private let state = Mutex(State())
    private let fresh: Int64
    private let clock: @Sendable () -> Int64
    private let capacity = 50_000

    init(fresh: Int64, clock: @escaping @Sendable () -> Int64) {
        self.fresh = fresh
        self.clock = clock
    }

    func recall(_ key: [UInt8]) -> Memory {
        let now = clock()
        return state.withLock { state in
            guard let entry = state.entries[key] else { return .unknown }
            return now < entry.until ? .fresh(entry.holder) : .stale
        }
    }

    func forget(_ key: [UInt8]) { state.withLock { $0.entries[key] = nil } }

    /// Forgets credentials that have ended, all when nil; what is being looked up at this moment isn't believed either.
    func drop(_ keys: [[UInt8]]?) {
        state.withLock { state in
            state.drops += 1
            guard let keys else { return state.entries.removeAll() }
            for key in keys { state.entries[key] = nil }
        }
    }

    /// To be asked before looking up what is then remembered.
    var drops: Int { state.withLock(\.drops) }

    /// - Parameters:
    ///   - expiresIn: after so many milliseconds the credential ends by itself; nil: it doesn't.
    ///   - drops: how many there were before it was looked up.
    func remember(_ holder: Holder, for key: [UInt8], expiresIn: Int64?, drops: Int) {
        let now = clock()
        state.withLock { state in
            guard state.drops == drops else { return }
            if state.entries.count >= capacity { state.entries = state.entries.filter { now < $0.value.until } }
            if state.entries.count >= capacity { state.entries.removeAll(keepingCapacity: true) }
            state.entries[key] = Entry(holder: holder, until: now + min(fresh, expiresIn ?? fresh))
        }
    }
}
