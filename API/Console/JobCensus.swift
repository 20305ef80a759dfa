internal import Bytes
internal import Domain
internal import Engine
internal import Store

/// How many live jobs there are, counted in the background: whoever asks for the figures makes nobody count.
final class JobCensus: Sendable {
    struct Line: Sendable, Hashable {
        var kind: String
        var queue: String
        var state: String
    }

    struct Figure: Sendable {
        var count: Int64 = 0
        /// Since when the first of them waits, milliseconds since 1970.
        var oldest = Int64.max
    }

    struct Count: Sendable {
        var figures: [Line: Figure] = [:]
        /// By the database's clock, when it was counted.
        var at: Int64 = 0
    }

    /// Queues that are told apart; those with the fewest jobs are counted together.
    static let maxQueues = 200
    static let otherQueue = "other"
    /// How often, at most. Of the time, at most a twentieth.
    private static let freshMilliseconds: Int64 = 5_000
    private static let rest: Int64 = 20
    /// Jobs that are read in one go. Between two of them others have their turn.
    private static let bite = 5_000
    private static let pause = Duration.milliseconds(5)

    private let count: Cached<Result<Count, any Error>>

    init(_ database: Database, _ world: World) {
        count = Cached(milliseconds: Self.freshMilliseconds, rest: Self.rest, clock: world.monotonic) {
            do { return .success(try await Self.count(database, world)) } catch { return .failure(error) }
        }
    }

    var current: Count { get async throws { try await count.value.get() } }

    private static func count(_ database: Database, _ world: World) async throws -> Count {
        var counted: [ClassState: Figure] = [:]
        var after: JobID?
        repeat {
            let start = after
            let (parts, end) = try await database.read { try $0.countJobs(after: start, atMost: Self.bite) }
            for part in parts {
                counted[ClassState(id: part.id, state: part.state), default: Figure()].add(part.count, part.oldest)
            }
            after = end
            if after != nil { try await world.sleep(pause) }
        } while after != nil
        let ids = Array(Set(counted.keys.map(\.id)))
        let (classes, now) = try await database.read { tx in
            var classes: [JobClass] = []
            for start in stride(from: 0, to: ids.count, by: 500) {
                classes += try tx.classes(Array(ids[start..<min(start + 500, ids.count)]))
            }
            return (classes, tx.now)
        }
        return Count(figures: bounded(named(counted, classes)), at: now)
    }

    private struct ClassState: Hashable {
        let id: ClassID
        let state: String
    }

    private static func named(_ counted: [ClassState: Figure], _ classes: [JobClass]) -> [Line: Figure] {
        let needs = Dictionary(classes.map { ($0.id, $0.requirement) }) { first, _ in first }
        var figures: [Line: Figure] = [:]
        for (key, figure) in counted {
            guard let need = needs[key.id] else { continue }
            let line = Line(kind: need.kind.rawValue, queue: need.queue, state: key.state)
            figures[line, default: Figure()].add(figure.count, figure.oldest)
        }
        return figures
    }

    /// Anybody can name a queue: a figure for each would grow for ever.
    static func bounded(_ figures: [Line: Figure]) -> [Line: Figure] {
        let sizes = Dictionary(figures.map { ($0.queue, $1.count) }, uniquingKeysWith: +)
        guard sizes.count > maxQueues else { return figures }
        let kept = Set(sizes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(maxQueues).map(\.key))
        var bounded: [Line: Figure] = [:]
        for (line, figure) in figures {
            var line = line
            if !kept.contains(line.queue) { line.queue = otherQueue }
            bounded[line, default: Figure()].add(figure.count, figure.oldest)
        }
        return bounded
    }
}

extension JobCensus.Figure {
    fileprivate mutating func add(_ count: Int64, _ oldest: Int64) {
        self.count += count
        self.oldest = min(self.oldest, oldest)
    }
}
