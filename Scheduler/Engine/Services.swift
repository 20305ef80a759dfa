internal import Bus
package import Bytes
internal import Domain
internal import Logging
package import Store
internal import Synchronization

/// Takes back leases that ran out. Several may run side by side.
package final class LeaseSweeper: Ticking {
    package static let topic = "lease_sweeper"
    private static let limit = 500
    private let desk: JobDesk
    private let world: World
    private let mark = Mutex(LowWater())

    package init(_ desk: JobDesk, world: World) {
        self.desk = desk
        self.world = world
    }

    package func round() async throws -> Duration {
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let sweep = try await desk.database.write { try $0.sweep(from: from, limit: Self.limit) }
        let end = world.monotonic()
        // Leases never end in the past: what is dead up to a minute ago stays dead, but for an outage's amnesty.
        mark.withLock {
            $0.found(lowest: sweep.oldest ?? sweep.now - 60_000, wasFull: isFull, at: end, took: end - start)
        }
        desk.stats.swept(sweep)
        if sweep.returned > 0 { desk.bus.publish(Promoter.topic) }
        for id in sweep.jobs { desk.bus.publish(JobDesk.topic(id)) }
        return sweep.returned + sweep.poisoned >= Self.limit ? .zero : .milliseconds(500)
    }
}

/// Lets scheduled jobs become pending when their time has come.
package final class Promoter: Ticking {
    package static let topic = "promoter"
    private static let limit = 1_000
    private let desk: JobDesk
    private let world: World

    package init(_ desk: JobDesk, world: World) {
        self.desk = desk
        self.world = world
    }

    package func round() async throws -> Duration {
        let board = desk.board
        let (ready, nextDue, now) = try await desk.database.write { tx in
            let (ready, nextDue) = try tx.promote(limit: Self.limit) { board.tag($0, owner: $1, cost: $2) }
            return (ready, nextDue, tx.now)
        }
        if ready.keys.contains(where: { !board.isKnown($0) }) {
            try await board.load(ready.keys.sorted(), desk.database)
        }
        for (id, arrival) in ready { desk.woke(id, count: arrival.count, tag: arrival.tag) }
        guard let nextDue else { return .seconds(1) }
        return .milliseconds(max(0, min(1_000, nextDue - now)))
    }
}

/// Reads the heads of all classes: hints may be lost, this finds what they missed.
package final class ClassPoller: Ticking {
    package static let topic = "class_poller"
    private let desk: JobDesk
    private let seen = Mutex<Int64>(0)

    package init(_ desk: JobDesk) { self.desk = desk }

    package func round() async throws -> Duration {
        let since = seen.withLock { $0 }
        let (classes, now) = try await desk.database.read { tx in (try tx.classes(since: since), tx.now) }
        desk.board.add(classes.map { ($0.id, $0.requirement) })
        // A class is recorded at the time its transaction began, and may be seen a little later.
        seen.withLock { $0 = now - 60_000 }
        for part in desk.board.all().slices(of: 64) {
            let heads = try await desk.database.read { try $0.heads(of: part) }
            for head in heads {
                desk.board.polled(head)
                // Somebody may wait for it whose wake-up got lost: what waits and what fits meet within a second.
                desk.claims.wake(head.id, count: 1)
            }
        }
        return .seconds(1)
    }
}

/// Gives the events of all owners their places in the chains.
package final class EventSealer: Ticking {
    package static let topic = "event_sealer"
    private static let limit = 1_000
    private let database: Database
    private let world: World
    private let mark = Mutex(LowWater())

    package init(_ database: Database, world: World) {
        self.database = database
        self.world = world
    }

    package func round() async throws -> Duration {
        let start = world.monotonic()
        let (from, isFull) = mark.withLock { $0.start(at: start) }
        let (lowest, count) = try await database.write { try $0.sealEvents(from: from, limit: Self.limit) }
        let end = world.monotonic()
        mark.withLock { $0.found(lowest: lowest, wasFull: isFull, at: end, took: end - start) }
        return count >= Self.limit ? .milliseconds(5) : .milliseconds(250)
    }
}

/// Gives back what holds whose time is over still hold.
package struct HoldExpirer: Ticking {
    package static let topic = "hold_expirer"
    private static let limit = 500
    private let database: Database

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let count = try await database.write { try $0.expireHolds(limit: Self.limit) }
        return count >= Self.limit ? .milliseconds(5) : .seconds(5)
    }
}

/// Takes away nonces, idempotency keys, notices and unfinished uploads that have served their time.
package struct Pruner: Ticking {
    package static let topic = "pruner"
    private static let limit = 1_000
    private let database: Database
    /// How long an answer can be replayed, in milliseconds: a day.
    private let keysLast: Int64 = 86_400_000
    /// How long an upload may take, in milliseconds: a day, twice the longest lease.
    private let uploadsLast: Int64 = 86_400_000
    /// Each may hold 64 MiB.
    private static let uploadLimit = 10

    package init(_ database: Database) { self.database = database }

    package func round() async throws -> Duration {
        let keysLast = keysLast
        let gone = try await database.write { tx in
            try tx.prune(limit: Self.limit, keysOlderThan: tx.now - keysLast)
        }
        let uploadsLast = uploadsLast
        let uploads = try await database.write { tx in
            try tx.pruneUploads(limit: Self.uploadLimit, olderThan: tx.now - uploadsLast)
        }
        let isDone = gone < Self.limit && uploads < Self.uploadLimit
        return isDone ? .seconds(30) : .milliseconds(100)
    }
}

extension ClassBoard {
    /// Reads classes that another process recorded.
    func load(_ ids: [ClassID], _ database: Database) async throws {
        let missing = ids.filter { !isKnown($0) }
        guard !missing.isEmpty else { return }
        add(try await database.read { try $0.classes(missing) }.map { ($0.id, $0.requirement) })
    }
}

extension Array {
    fileprivate func slices(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
