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
        let since: Int64
    }

    private let entries = Mutex<[[UInt8]: Entry]>([:])
    private let fresh: Int64
    private let clock: @Sendable () -> Int64
    private let capacity = 50_000

    init(fresh: Int64, clock: @escaping @Sendable () -> Int64) {
        self.fresh = fresh
        self.clock = clock
    }

    func recall(_ key: [UInt8]) -> Memory {
        let now = clock()
        return entries.withLock { entries in
            guard let entry = entries[key] else { return .unknown }
            return now - entry.since < fresh ? .fresh(entry.holder) : .stale
        }
    }

    func forget(_ key: [UInt8]) { entries.withLock { $0[key] = nil } }

    func remember(_ holder: Holder, for key: [UInt8]) {
        let now = clock()
        entries.withLock { entries in
            if entries.count >= capacity { entries = entries.filter { now - $0.value.since < fresh } }
            if entries.count >= capacity { entries.removeAll(keepingCapacity: true) }
            entries[key] = Entry(holder: holder, since: now)
        }
    }
}
