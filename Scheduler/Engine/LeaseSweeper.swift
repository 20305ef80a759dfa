internal import Bus
internal import Domain
internal import Store
internal import Synchronization

/// Takes back leases that ran out. Several may run side by side.
package final class LeaseSweeper: Ticking {
    package static let topic = "lease_sweeper"
    private static let limit = 500
    private let broker: JobBroker
    private let mark = Mutex(SweepMark())

    package init(_ broker: JobBroker) { self.broker = broker }

    package func round() async throws -> Duration {
        let mark = mark.withLock { $0 }
        let sweep = try await broker.database.write { try $0.sweep(from: mark.start(at: $0.now), limit: Self.limit) }
        let isComplete = sweep.jobs.count < Self.limit
        if isComplete { self.mark.withLock { $0.end(from: sweep.from, at: sweep.now) } }
        broker.stats.swept(sweep)
        if sweep.returned > 0 { broker.bus.publish(Promoter.topic) }
        for id in sweep.jobs { broker.bus.publish(JobBroker.topic(id)) }
        return isComplete ? .milliseconds(500) : .zero
    }
}
