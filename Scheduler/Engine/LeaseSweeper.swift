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
    private let aside: SetAside
    private let mark = Mutex(LowWaterMark())

    package init(_ broker: JobBroker, world: World, aside: SetAside = SetAside(LeaseSweeper.topic)) {
        self.broker = broker
        self.world = world
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let sweeps = try await aside.settle("lease", upTo: Self.limit, in: broker.database) { tx, picking in
            try tx.sweep(from: from, picking)
        }
        let end = world.monotonic()
        // Leases never end in the past: what is dead up to a minute ago stays dead, but for an outage credit.
        mark.withLock {
            let oldest = sweeps.compactMap(\.oldest).min()
            $0.found(
                lowest: oldest ?? (sweeps.last?.now ?? 0) - 60_000, wasFull: isFull, at: end, took: end - start)
        }
        for sweep in sweeps {
            broker.stats.swept(sweep)
            if sweep.returned > 0 { broker.bus.publish(Promoter.topic) }
            for id in sweep.jobs { broker.bus.publish(JobBroker.topic(id)) }
        }
        let isMore = sweeps.last.map { $0.returned + $0.poisoned >= Self.limit } ?? false
        return isMore ? .zero : .milliseconds(500)
    }
}
