internal import Bus
package import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// Takes back leases that ran out. Several may run side by side.
package final class LeaseSweeper: Ticking {
    package static let topic = "lease_sweeper"
    private static let limit = 500
    private let broker: JobBroker
    private let world: World
    private let mark = Mutex(LowWaterMark())

    package init(_ broker: JobBroker, world: World) {
        self.broker = broker
        self.world = world
    }

    package func round() async throws -> Duration {
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let sweep = try await broker.database.write { try $0.sweep(from: from, limit: Self.limit) }
        let end = world.monotonic()
        // Leases never end in the past: what is dead up to a minute ago stays dead, but for an outage credit.
        mark.withLock {
            $0.found(lowest: sweep.oldest ?? sweep.now - 60_000, wasFull: isFull, at: end, took: end - start)
        }
        broker.stats.swept(sweep)
        if sweep.returned > 0 { broker.bus.publish(Promoter.topic) }
        for id in sweep.jobs { broker.bus.publish(JobBroker.topic(id)) }
        return sweep.returned + sweep.poisoned >= Self.limit ? .zero : .milliseconds(500)
    }
}
