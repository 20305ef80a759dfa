internal import Bus
package import Bytes
package import Domain
package import Logging
internal import Store

/// All services of the scheduler, side by side. Any number of processes may run one.
package struct Scheduler: Sendable {
    private let desk: JobDesk
    private let keyUses: KeyUses?
    private let world: World
    private let logger: Logger
    private let basePrices: UnitPrices

    /// - Parameter keyUses: what the API beside it notes; nil where none serves.
    package init(
        _ desk: JobDesk, keyUses: KeyUses? = nil, world: World, logger: Logger, basePrices: UnitPrices = .standard
    ) {
        self.desk = desk
        self.keyUses = keyUses
        self.world = world
        self.logger = logger
        self.basePrices = basePrices
    }

    /// Runs until the task is cancelled or the bus is closed.
    package func run() async {
        await withDiscardingTaskGroup { group in
            start(LeaseSweeper(desk, world: world), in: &group)
            start(Promoter(desk, world: world), in: &group)
            start(ClassPoller(desk), in: &group)
            start(EventSealer(desk.database, world: world), in: &group)
            start(HoldExpirer(desk.database), in: &group)
            start(Pruner(desk.database), in: &group)
            start(PriceSetter(desk.database, base: basePrices), in: &group)
            start(desk.relay, in: &group)
            if let keyUses { start(keyUses, in: &group) }
            group.addTask { await listen() }
            let end = desk.bus.subscribe("shutdown")
            while !Task.isCancelled {
                if case .closed = await end.wait(for: .seconds(3_600)) { break }
            }
            group.cancelAll()
        }
    }

    private func start(_ service: some Ticking, in group: inout DiscardingTaskGroup) {
        let loop = Loop(service, bus: desk.bus, world: world, logger: logger)
        group.addTask { await loop.run() }
    }

    /// What other processes made ready.
    private func listen() async {
        guard desk.database.dialect == .postgres else { return }
        for await payload in desk.database.notifications(WakeRelay.channel) {
            guard let arrivals = desk.relay.parse(payload) else { continue }
            try? await desk.board.load(arrivals.map(\.id), desk.database)
            for arrival in arrivals {
                desk.board.ready(arrival.id, tag: arrival.tag)
                desk.claims.wake(arrival.id, count: arrival.count)
            }
        }
    }
}
