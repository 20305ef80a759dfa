import Testing

@testable import Store

@Suite("Who waits for a connection of PostgreSQL")
struct PostgresQueueTests {
    private func work(_ mode: QueuedTransaction.Mode, since: Int64, isUrgent: Bool = false) -> QueuedTransaction {
        QueuedTransaction(mode: mode, isUrgent: isUrgent, since: since, run: { _ in {} }, fail: { _ in })
    }

    @Test("only so many read at once, and who writes goes on meanwhile")
    func limit() throws {
        var queue = PostgresQueue(readers: 2)
        for time in 1...3 { queue.append(work(.read, since: Int64(time))) }
        let (one, two) = (queue.popFirst(), queue.popFirst())
        let first = try #require(one)
        #expect(two?.since == 2 && !queue.isReady && queue.count == 1)
        queue.append(work(.write, since: 4))
        #expect(queue.isReady)
        let next = queue.popFirst()
        let write = try #require(next)
        #expect(write.mode == .write && !queue.isReady)
        queue.end(write.mode)
        #expect(!queue.isReady)
        queue.end(first.mode)
        let three = queue.popFirst()
        #expect(three?.since == 3 && queue.count == 0)
    }

    @Test("who has waited longest goes first, but for who is urgent")
    func order() {
        var queue = PostgresQueue(readers: 8)
        queue.append(work(.write, since: 1))
        queue.append(work(.read, since: 2))
        queue.append(work(.write, since: 3))
        queue.append(work(.write, since: 4, isUrgent: true))
        let order = (0..<5).map { _ in queue.popFirst()?.since }
        #expect(order == [4, 1, 2, 3, nil])
    }

    @Test("readers that take too long don't keep the others waiting")
    func stuck() {
        var queue = PostgresQueue(readers: 1)
        for time in 1...3 { queue.append(work(.read, since: Int64(time))) }
        let first = queue.popFirst()
        let early = queue.noteReaders(waitingSince: 1)
        #expect(first?.since == 1 && !early && !queue.isReady)
        let late = queue.noteReaders(waitingSince: 2)
        let second = queue.popFirst()
        #expect(late && second?.since == 2)
        let again = queue.noteReaders(waitingSince: 2)
        #expect(!again && !queue.isReady)
        let dismissed = queue.pop(waitingSince: 3)
        #expect(dismissed.map(\.since) == [3] && queue.count == 0)
    }
}
