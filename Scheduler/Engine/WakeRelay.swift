internal import Bus
internal import Bytes
internal import Domain
internal import Store
internal import Synchronization

/// Tells other processes, where there are any, what became ready here, and which topics were woken: one notification
/// for all that happened since the last round, sent outside of any transaction, since a NOTIFY in one takes a lock of
/// the whole cluster until its commit.
package final class WakeRelay: Ticking {
    package static let topic = "wake_relay"
    static let channel = "hatchfarm_ready"
    static let topicChannel = "hatchfarm_topics"
    /// PostgreSQL takes 8,000 bytes.
    private static let maxClasses = 150
    /// A topic has up to 150.
    private static let maxTopics = 50
    /// Beyond it they are dropped: who waits for one looks again by itself.
    private static let maxPending = 10_000

    /// How often it looks for other processes.
    private static let lookInterval = Duration.seconds(2)

    private struct Audience: Sendable {
        /// Until it is known, somebody may listen.
        var isThere = true
        var lookedAt: Int64?
        /// Whether the others were told that this process is there.
        var isGreeted = false
    }

    private let audience = Mutex(Audience())
    private let world: World
    private let pending = Mutex<[ClassID: (count: Int, tag: Int64)]>([:])
    private let topics = Mutex<Set<String>>([])
    private let database: Database
    private let bus: LocalBus
    let origin: String

    init(database: Database, bus: LocalBus, world: World, origin: String) {
        self.database = database
        self.bus = bus
        self.world = world
        self.origin = origin
    }

    private var isHeard: Bool { database.sqlEngine == .postgres && audience.withLock(\.isThere) }

    func note(_ id: ClassID, count: Int, tag: Int64) {
        guard isHeard else { return }
        let isFirst = pending.withLock { pending in
            let before = pending[id]
            pending[id] = ((before?.count ?? 0) + count, min(before?.tag ?? tag, tag))
            return pending.count == 1 && before == nil
        }
        if isFirst { bus.publish(Self.topic) }
    }

    func note(_ woken: Set<String>) {
        guard isHeard else { return }
        let isFirst = topics.withLock { topics in
            let wasEmpty = topics.isEmpty
            if topics.count < Self.maxPending { topics.formUnion(woken) }
            return wasEmpty && !topics.isEmpty
        }
        if isFirst { bus.publish(Self.topic) }
    }

    /// Looks, not too often, whether another process listens.
    private func look() async throws {
        let now = world.monotonic()
        let isDue = audience.withLock { audience in
            let isDue = audience.lookedAt.map { now - $0 >= Self.lookInterval.milliseconds } ?? true
            if isDue { audience.lookedAt = now }
            return isDue
        }
        guard isDue else { return }
        let isThere = try await database.isHeard()
        audience.withLock { $0.isThere = isThere }
    }

    /// Tells the others that this process is there: what becomes ready with them from now on it wants to hear.
    private func greet() async throws {
        guard !audience.withLock(\.isGreeted) else { return }
        try await database.notify(Self.topicChannel, origin)
        audience.withLock { $0.isGreeted = true }
    }

    package func round() async throws -> Duration {
        guard database.sqlEngine == .postgres else { return .seconds(60) }
        try await greet()
        try await look()
        let woken = topics.withLock { topics in
            let some = topics.prefix(Self.maxTopics)
            topics.subtract(some)
            return Array(some)
        }
        if !woken.isEmpty {
            try await database.notify(Self.topicChannel, ([origin] + woken).joined(separator: "\n"))
        }
        let batch = pending.withLock { pending in
            let some = pending.prefix(Self.maxClasses)
            for (id, _) in some { pending[id] = nil }
            return some.map { "\($0.key.number):\($0.value.count):\($0.value.tag)" }
        }
        guard !batch.isEmpty else { return woken.isEmpty ? Self.lookInterval : .milliseconds(2) }
        try await database.notify(Self.channel, origin + ";" + batch.joined(separator: ","))
        // Whatever comes meanwhile goes with the next.
        return .milliseconds(2)
    }

    /// Wakes here what other processes woke. Runs until the task is cancelled or the database closed.
    func listen() async {
        guard database.sqlEngine == .postgres else { return }
        for await payload in database.notifications(Self.topicChannel) {
            let parts = payload.split(separator: "\n")
            guard let sender = parts.first, sender != origin else { continue }
            audience.withLock { $0.isThere = true }
            for topic in parts.dropFirst() { bus.publish(String(topic)) }
        }
    }

    /// What another process sent; nil for our own or what can't be read.
    func parse(_ payload: String) -> [(id: ClassID, count: Int, tag: Int64)]? {
        let halves = payload.split(separator: ";", maxSplits: 1)
        guard halves.count == 2, halves[0] != origin else { return nil }
        return halves[1].split(separator: ",").compactMap { part in
            let numbers = part.split(separator: ":").compactMap { Int64($0) }
            guard numbers.count == 3, let count = Int(exactly: max(0, numbers[1])) else { return nil }
            return (ClassID(numbers[0]), count, numbers[2])
        }
    }
}
