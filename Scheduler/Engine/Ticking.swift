package import Bus
package import Bytes
package import Logging
internal import Store

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
    private let internalErrors: InternalErrors

    package init(_ service: Service, bus: LocalBus, world: World, logger: Logger, internalErrors: InternalErrors) {
        self.service = service
        self.bus = bus
        self.world = world
        self.logger = logger
        self.internalErrors = internalErrors
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
                if !Self.isForeseen(error) {
                    internalErrors.note(error, in: logger, ["service": "\(Service.topic)"])
                } else if failures == 1 {
                    // While the database is away every round fails: say so once, and be there soon after it is back.
                    logger.warning("\(Service.topic) pauses: \(error)")
                }
                wait = .milliseconds(min(1_000, 100 << min(failures, 4)))
            }
            if wait > .zero, case .closed = await subscription.wait(for: wait) { return }
        }
    }

    /// Whether it comes of others: the database is away, or another process did the same at the same moment.
    private static func isForeseen(_ error: any Error) -> Bool {
        switch error {
        case DatabaseError.busy, DatabaseError.unavailable, DatabaseError.full, DatabaseError.unknownOutcome,
            DatabaseError.conflict, is CancellationError:
            true
        default: false
        }
    }
}
