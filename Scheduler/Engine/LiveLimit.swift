package import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// Which owners have as many live jobs as one may: their submissions are refused until some have ended. Known a second
/// or two late, so that no submission has to count anything.
package final class LiveLimit: Sendable {
    /// The most jobs of one owner that may wait and run at once (`HATCHFARM_LIVE_JOBS`).
    package static let standard: Int64 = 1_000_000
    package let most: Int64
    private let full = Mutex<Set<OwnerID>>([])

    package init(_ most: Int64 = standard) { self.most = most }

    func isFull(_ owner: OwnerID) -> Bool { full.withLock { $0.contains(owner) } }

    func set(_ owners: [OwnerID]) { full.withLock { $0 = Set(owners) } }
}

/// Sums up by how much each owner's live jobs and stored bytes changed, and sees who has as many jobs as one may.
package final class LiveCounter: Ticking {
    package static let topic = "live_counter"
    /// Changes of one commit, and the most owners who can be refused at once.
    private static let (perRound, mostOwners) = (2_000, 10_000)
    private let broker: JobBroker
    private let world: World
    private let mark = Mutex(LowWaterMark())

    package init(_ broker: JobBroker, world: World) {
        self.broker = broker
        self.world = world
    }

    package func round() async throws -> Duration {
        let stored = try await broker.database.read { try $0.storedChanges(limit: Self.perRound) }
        if !stored.isEmpty { try await broker.database.write { try $0.sumUpStored(stored) } }
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let keys = try await broker.database.read { try $0.liveChanges(from: from, limit: Self.perRound) }
        if !keys.isEmpty { try await broker.database.write { try $0.sumUpLive(keys) } }
        let end = world.monotonic()
        mark.withLock { $0.found(lowest: keys.first, wasFull: isFull, at: end, took: end - start) }
        let most = broker.liveLimit.most
        broker.liveLimit.set(
            try await broker.database.read { try $0.ownersWithLive(atLeast: most, limit: Self.mostOwners) })
        return max(keys.count, stored.count) >= Self.perRound ? .milliseconds(5) : .seconds(1)
    }
}
