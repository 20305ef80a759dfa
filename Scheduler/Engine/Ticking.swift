package import Bus
package import Bytes
package import Logging

/// A service of the scheduler: one round at a time, each saying how long to wait for the next. The simulator calls
/// the same rounds in virtual time.
package protocol Ticking: Sendable {
    /// Also the topic on the local bus that ends the wait early.
    static var topic: String { get }
    func round() async throws -> Duration
}

/// Runs a service until its task is cancelled or the bus is closed. An error costs a pause, never the service.
package struct Loop<Service: Ticking>: Sendable {
    private let service: Service
    private let bus: LocalBus
    private let world: World
    private let logger: Logger

    package init(_ service: Service, bus: LocalBus, world: World, logger: Logger) {
        self.service = service
        self.bus = bus
        self.world = world
        self.logger = logger
    }

    package func run() async {
        let subscription = bus.subscribe(Service.topic)
        var failures = 0
        while !Task.isCancelled {
            var wait: Duration
            do {
                wait = try await service.round()
                failures = 0
            } catch {
                failures += 1
                // While the database is away every round fails: say so once, and be there soon after it is back.
                if failures == 1 { logger.warning("\(Service.topic) pauses: \(error)") }
                wait = .milliseconds(min(1_000, 100 << min(failures, 4)))
            }
            if wait > .zero, case .closed = await subscription.wait(for: wait) { return }
        }
    }
}
