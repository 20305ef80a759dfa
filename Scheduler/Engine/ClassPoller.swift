internal import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// Reads the heads of all classes, in full as often as `LowWaterMark` asks for it: hints may be lost, this finds what
/// they missed. Unlike a claim it also sees what others have locked.
package final class ClassPoller: Ticking {
    package static let topic = "class_poller"
    private let broker: JobBroker
    private let seen = Mutex<Int64>(0)

    package init(_ broker: JobBroker) { self.broker = broker }

    package func round() async throws -> Duration {
        let start = broker.world.monotonic()
        let since = seen.withLock { $0 }
        let (classes, now) = try await broker.database.read { tx in (try tx.classes(usedSince: since), tx.now) }
        for used in classes { broker.classIndex.add([(used.id, used.requirement)], usedAt: used.usedAt) }
        // A use is recorded at the time its transaction began, and may be seen a little later.
        seen.withLock { $0 = now - 60_000 }
        broker.classIndex.forget(unusedSince: now - ClassLife.removedAfter - 60_000)
        var failure: DatabaseError?
        for part in broker.classIndex.polled.slices(of: 64) {
            do {
                try await poll(part)
            } catch let error as DatabaseError {
                // A class that takes too long keeps nobody from the others.
                guard case .busy = error else { throw error }
                failure = error
            }
        }
        if let failure { throw failure }
        // A tenth of the time where there are very many, as far as hints that got lost can wait.
        let took = max(0, broker.world.monotonic() - start)
        return .milliseconds(min(5_000, max(1_000, 9 * took)))
    }

    private func poll(_ part: ArraySlice<ClassID>) async throws {
        let (wanted, reads) = broker.classIndex.beginPoll(part)
        do {
            let heads = try await broker.database.read { try $0.heads(of: wanted[...]) }
            broker.classIndex.endPoll(reads, heads)
            // Somebody may wait for it whose wake-up got lost: what waits and what fits meet within a second or two.
            for head in heads { broker.claims.wake(WakeUp(classID: head.id, isOpen: true), count: 1) }
        } catch {
            broker.classIndex.endPoll(reads, nil)
            throw error
        }
    }
}
