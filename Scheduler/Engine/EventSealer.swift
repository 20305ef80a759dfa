package import Bytes
internal import Domain
package import Store
internal import Synchronization

/// Gives the events of all owners their places in the chains.
package final class EventSealer: Ticking {
    package static let topic = "event_sealer"
    private let chain: AuditChain
    private let world: World
    private let mark = Mutex(LowWaterMark())

    package init(_ database: Database, world: World) {
        chain = AuditChain(database)
        self.world = world
    }

    package func round() async throws -> Duration {
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let sealing = try await chain.seal(from: from)
        let end = world.monotonic()
        mark.withLock { $0.found(lowest: sealing.lowest, wasFull: isFull, at: end, took: end - start) }
        // While more wait it goes on at once: it has to keep up with all that is written.
        return sealing.found >= AuditChain.perRound ? .zero : .milliseconds(250)
    }
}
