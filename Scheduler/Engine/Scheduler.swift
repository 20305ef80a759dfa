internal import Bus
package import Bytes
package import Domain
package import Logging
internal import Store

/// All services of the scheduler, side by side. Any number of processes may run one.
package struct Scheduler: Sendable {
    private let broker: JobBroker
    private let keyUses: KeyUses?
    private let world: World
    private let logger: Logger
    private let basePrices: UnitPrices

    /// - Parameter keyUses: what the API beside it notes; nil where none serves.
    package init(
        _ broker: JobBroker, keyUses: KeyUses? = nil, world: World, logger: Logger, basePrices: UnitPrices = .standard
    ) {
        self.broker = broker
        self.keyUses = keyUses
        self.world = world
        self.logger = logger
        self.basePrices = basePrices
    }

    /// Runs until the task is cancelled or the bus is closed.
    package func run() async {
        await withDiscardingTaskGroup { group in
            start(LeaseSweeper(broker, aside: aside(LeaseSweeper.topic)), in: &group)
            start(Promoter(broker, world: world), in: &group)
            start(Cascader(broker, aside: aside(Cascader.topic)), in: &group)
            start(Reviver(broker, aside: aside(Reviver.topic)), in: &group)
            start(LiveCounter(broker, world: world), in: &group)
            start(ClassPoller(broker), in: &group)
            start(ClassPruner(broker), in: &group)
            start(EventSealer(broker.database, world: world), in: &group)
            start(HoldExpirer(broker.database, aside: aside(HoldExpirer.topic)), in: &group)
            start(BountySweeper(broker.database, aside: aside(BountySweeper.topic)), in: &group)
            start(DeviceSweeper(broker.database, aside: aside(DeviceSweeper.topic)), in: &group)
            start(Pruner(broker.database), in: &group)
            start(HistoryPruner(broker, world: world, logger: logger), in: &group)
            start(PriceSetter(broker.database, base: basePrices), in: &group)
            start(broker.relay, in: &group)
            if let keyUses { start(keyUses, in: &group) }
            group.addTask { await listen() }
            group.addTask { await broker.relay.listen() }
            let end = broker.bus.subscribe("shutdown")
            while !Task.isCancelled {
                if case .closed = await end.wait(for: .seconds(3_600)) { break }
            }
            group.cancelAll()
        }
    }

    /// Where a service leaves what it can't settle; in this process's log and count.
    private func aside(_ service: String) -> SetAside {
        SetAside(service, world: world, logger: logger, internalErrors: broker.internalErrors)
    }

    private func start(_ service: some Ticking, in group: inout DiscardingTaskGroup) {
        let loop = Loop(
            service, bus: broker.bus, world: world, logger: logger, internalErrors: broker.internalErrors)
        group.addTask { await loop.run() }
    }

    /// What other processes made ready.
    private func listen() async {
        guard broker.database.sqlEngine == .postgres else { return }
        for await payload in broker.database.notifications(WakeRelay.channel) {
            guard let arrivals = broker.relay.parse(payload) else { continue }
            // What can't be read now, the poller finds.
            try? await broker.classIndex.load(arrivals.map(\.id), broker.database)
            for arrival in arrivals {
                broker.classIndex.ready(arrival.id, tag: arrival.tag)
                broker.claims.wake(arrival.id, count: arrival.count)
            }
        }
    }
}
