package import Bytes
internal import Domain
package import Logging
internal import Store
internal import Synchronization

/// Takes away what the operator's retention doesn't keep: ended jobs with all that is kept beside them, keys, uploads,
/// audit events; what belonged to jobs that their owners deleted; and content that nothing refers to any more.
///
/// In bites: each is so large that it takes a few milliseconds, and is followed by a rest, one as long while callers
/// wait for the database. How far it has come is in the database: several servers share the work.
package final class HistoryPruner: Ticking {
    package static let topic = "history_pruner"
    /// How many jobs or links one bite looks at.
    private static let sizes = 32...1_000
    /// How long a bite may take, in milliseconds. On SQLite whoever comes next waits for all of it.
    private var most: Int64 { broker.database.sqlEngine == .sqlite ? 3 : 10 }
    /// Content is kept so long after the last reference went, in milliseconds: somebody may be reading it.
    package static let blobsLast: Int64 = 600_000
    /// What jobs need is kept so much longer than they are, in milliseconds: than from when it was last used to when
    /// the last job of the kind ended, and was found to be old.
    private static let classesLast: Int64 = 2 * 86_400_000
    /// A line in the log says what went, at most so often, in milliseconds.
    private static let lineEvery: Int64 = 60_000

    private struct State: Sendable {
        var size = 128
        var gone: [String: Int] = [:]
        var since: Int64?
    }

    private let broker: JobBroker
    private let world: World
    private let logger: Logger
    private let state = Mutex(State())

    package init(_ broker: JobBroker, world: World, logger: Logger) {
        self.broker = broker
        self.world = world
        self.logger = logger
    }

    package func round() async throws -> Duration {
        let size = state.withLock(\.size)
        let (database, world) = (broker.database, world)
        var (isMore, isBusy) = (false, false)
        var longest: Int64 = 0
        var failure: (any Error)?
        for bite in bites(size) {
            do {
                // Seen before the commit: who waits then, was made to wait by this bite.
                let (taken, milliseconds, load) = try await database.write { tx in
                    let start = world.monotonic()
                    let taken = try bite(tx)
                    return (taken, world.monotonic() - start, database.load)
                }
                longest = max(longest, milliseconds)
                isMore = isMore || taken.isMore
                isBusy = isBusy || load.waiting > 0 || load.working > 1
                note(taken)
            } catch {
                // It may have been too large. It keeps none of the others from what they do.
                state.withLock { $0.size = max(Self.sizes.lowerBound, $0.size / 4) }
                failure = failure ?? error
            }
        }
        if let failure { throw failure }
        adapt(longest)
        tell(isMore)
        guard isMore else { return .seconds(30) }
        return .milliseconds(isBusy ? max(2, longest) : max(1, longest / 4))
    }

    private typealias Bite = @Sendable (Transaction) throws -> PruneBite

    private func bites(_ size: Int) -> [Bite] {
        var bites: [Bite] = [{ try $0.pruneDeletedJobs(limit: size) }]
        if let last = broker.retention.jobs {
            bites.append { try $0.pruneJobs(limit: size, endedBefore: $0.now - last) }
            bites.append { try $0.pruneClasses(limit: size, unusedSince: $0.now - last - Self.classesLast) }
            bites.append { try $0.pruneKeysAndUploads(limit: size, olderThan: $0.now - last) }
        }
        if let last = broker.retention.events {
            bites.append { try $0.pruneEvents(limit: size, recordedBefore: $0.now - last) }
        }
        // Of content a few at a time: each may be 64 MiB.
        bites.append { try $0.collectBlobs(limit: 10, releasedBefore: $0.now - Self.blobsLast) }
        return bites
    }

    /// The next bites are larger or smaller, by how long these took.
    private func adapt(_ longest: Int64) {
        let most = most
        state.withLock { state in
            if longest > most {
                state.size = max(Self.sizes.lowerBound, state.size / 2)
            } else if longest <= most / 2 {
                state.size = min(Self.sizes.upperBound, state.size * 3 / 2)
            }
        }
    }

    private func note(_ bite: PruneBite) {
        guard bite.count > 0 else { return }
        broker.stats.pruned(bite.rows)
        let now = world.monotonic()
        state.withLock { state in
            state.since = state.since ?? now
            state.gone.merge(bite.rows) { $0 + $1 }
        }
    }

    /// What went since the last line.
    private func tell(_ isMore: Bool) {
        let now = world.monotonic()
        let gone = state.withLock { state -> [String: Int] in
            guard let since = state.since, !isMore || now - since >= Self.lineEvery else { return [:] }
            defer { (state.gone, state.since) = ([:], nil) }
            return state.gone
        }
        guard !gone.isEmpty else { return }
        let tables = gone.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        logger.info(
            "pruned \(gone.values.reduce(0, +)) rows", metadata: ["tables": "\(tables.joined(separator: ", "))"])
    }
}
