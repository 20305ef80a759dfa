internal import Store
internal import Synchronization

/// Reads the heads of all classes: hints may be lost, this finds what they missed.
package final class ClassPoller: Ticking {
    package static let topic = "class_poller"
    private let broker: JobBroker
    private let seen = Mutex<Int64>(0)

    package init(_ broker: JobBroker) { self.broker = broker }

    package func round() async throws -> Duration {
        let since = seen.withLock { $0 }
        let (classes, now) = try await broker.database.read { tx in (try tx.classes(since: since), tx.now) }
        broker.classIndex.add(classes.map { ($0.id, $0.requirement) })
        // A class is recorded at the time its transaction began, and may be seen a little later.
        seen.withLock { $0 = now - 60_000 }
        for part in broker.classIndex.all().slices(of: 64) {
            let heads = try await broker.database.read { try $0.heads(of: part) }
            for head in heads {
                broker.classIndex.polled(head)
                // Somebody may wait for it whose wake-up got lost: what waits and what fits meet within a second.
                broker.claims.wake(head.id, count: 1)
            }
        }
        return .seconds(1)
    }
}
