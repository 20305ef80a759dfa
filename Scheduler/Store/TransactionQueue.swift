/// Transactions in the order in which it came.
struct TransactionQueue: Sendable {
    /// Those taken leave a hole, which is closed together with others: to take one costs the same however many wait.
    private var items: [QueuedTransaction?] = []
    private var head = 0

    var count: Int { items.count - head }
    var isEmpty: Bool { head == items.count }
    var first: QueuedTransaction? { isEmpty ? nil : items[head] }

    mutating func append(_ work: QueuedTransaction) {
        guard work.isUrgent else { return items.append(work) }
        items.insert(work, at: head)
    }

    mutating func popFirst() -> QueuedTransaction? {
        guard let work = first else { return nil }
        items[head] = nil
        head += 1
        if head == items.count || head >= 1_024 {
            items.removeFirst(head)
            head = 0
        }
        return work
    }

    mutating func pop(atMost limit: Int) -> [QueuedTransaction] {
        var taken: [QueuedTransaction] = []
        while taken.count < limit, let work = popFirst() { taken.append(work) }
        return taken
    }

    mutating func popAll() -> [QueuedTransaction] { pop(atMost: count) }

    /// Takes those who have waited since then or longer.
    mutating func pop(waitingSince time: Int64) -> [QueuedTransaction] {
        let late = items[head...].compactMap { $0 }.filter { $0.since <= time }
        guard !late.isEmpty else { return [] }
        items = items[head...].filter { $0.map { $0.since > time } ?? false }
        head = 0
        return late
    }
}
