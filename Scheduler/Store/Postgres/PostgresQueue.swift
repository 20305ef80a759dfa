import Bytes

/// Those who wait for a connection. At a server on this machine only so many read at once as it has cores: more would
/// take turns on them, and all would be answered late.
struct PostgresQueue: Sendable {
    private var reads = TransactionQueue()
    private var others = TransactionQueue()
    private var reading = 0
    private let readers: Int
    /// Whether all connections may read: those who do have taken too long.
    private var isStuck = false

    /// - Parameter readers: how many may read at once.
    init(readers: Int) { self.readers = readers }

    var count: Int { reads.count + others.count }

    private var mayRead: Bool { !reads.isEmpty && (isStuck || reading < readers) }

    /// Whether somebody can be served now.
    var isReady: Bool { mayRead || !others.isEmpty }

    mutating func append(_ work: QueuedTransaction) {
        if work.mode == .read { reads.append(work) } else { others.append(work) }
    }

    /// Takes who has waited longest of those that can be served; `end` is to follow.
    mutating func popFirst() -> QueuedTransaction? {
        guard mayRead, let read = reads.first else { return others.popFirst() }
        if let other = others.first, other.isUrgent || other.since < read.since { return others.popFirst() }
        reading += 1
        return reads.popFirst()
    }

    /// What was taken has ended.
    mutating func end(_ mode: QueuedTransaction.Mode) {
        if mode == .read { reading -= 1 }
    }

    mutating func popAll() -> [QueuedTransaction] { others.popAll() + reads.popAll() }

    /// Takes those who have waited since then or longer.
    mutating func pop(waitingSince time: Int64) -> [QueuedTransaction] {
        others.pop(waitingSince: time) + reads.pop(waitingSince: time)
    }

    /// Lets all connections read as long as readers wait since then or longer; returns whether they may from now on.
    mutating func noteReaders(waitingSince time: Int64) -> Bool {
        let wasStuck = isStuck
        isStuck = reads.first.map { $0.since <= time } ?? false
        return isStuck && !wasStuck
    }
}
