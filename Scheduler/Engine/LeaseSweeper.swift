internal import Bus
internal import Domain
internal import Store
internal import Synchronization

/// Takes back leases that ran out. Several may run side by side.
package final class LeaseSweeper: Ticking {
    package static let topic = "lease_sweeper"
    private static let limit = 500
    private let broker: JobBroker
    private let aside: SetAside
    private let mark = Mutex(SweepMark())

    package init(_ broker: JobBroker, aside: SetAside = SetAside(LeaseSweeper.topic)) {
        self.broker = broker
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let mark = mark.withLock { $0 }
        let sweeps = try await aside.settle("lease", upTo: Self.limit, in: broker.database) { tx, picking in
            try tx.sweep(from: mark.start(at: tx.now), picking)
        }
        // What was set aside is looked at again by a sweep that reads all.
        guard let last = sweeps.last else { return .milliseconds(500) }
        let isComplete = last.jobs.count < Self.limit
        if isComplete { self.mark.withLock { $0.end(from: last.from, at: last.now) } }
        for sweep in sweeps {
            broker.stats.swept(sweep)
            if sweep.returned > 0 { broker.bus.publish(Promoter.topic) }
            for id in sweep.jobs { broker.bus.publish(JobBroker.topic(id)) }
        }
        return isComplete ? .milliseconds(500) : .zero
    }
}
