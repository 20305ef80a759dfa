internal import Bytes
internal import Store

/// How a caller waits for a row that another transaction has. Not in the database, where it would keep a connection
/// and, gathered with others, all of those: it comes again a moment later, with a round that takes what is free.
struct RowPatience: Sendable {
    /// As long as a statement may wait for a lock, in milliseconds.
    private static let longest: Int64 = 3_000
    /// Between two attempts, in milliseconds.
    private static let pauses: ClosedRange<Int64> = 5...100

    private let world: World

    init(_ world: World) { self.world = world }

    /// Asks until there is an answer. Throws `DatabaseError.busy` when the row stays another's; then nothing has
    /// happened.
    func answer<Answer: Sendable>(_ ask: () async throws -> Answer?) async throws -> Answer {
        var answer: Answer?
        try await attempt {
            answer = try await ask()
            return answer != nil
        }
        guard let answer else { throw DatabaseError.busy("another transaction has the row") }
        return answer
    }

    /// Asks for many at once, and again for those that got no answer: one whose row is another's delays none of the
    /// others. Nil for those whose rows stay another's.
    func answers<Item: Sendable, Answer: Sendable>(
        _ items: [Item], _ ask: ([Item]) async throws -> [Answer?]
    ) async throws -> [Answer?] {
        var answers = [Answer?](repeating: nil, count: items.count)
        var open = Array(items.indices)
        try await attempt {
            for (place, answer) in zip(open, try await ask(open.map { items[$0] })) { answers[place] = answer }
            open.removeAll { answers[$0] != nil }
            return open.isEmpty
        }
        return answers
    }

    /// Until it is done, or time is over.
    private func attempt(_ isDone: () async throws -> Bool) async throws {
        let end = world.monotonic() + Self.longest
        var pause = Self.pauses.lowerBound
        while try await !isDone(), world.monotonic() < end {
            try await world.sleep(.milliseconds(pause))
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }
}
