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
        let end = world.monotonic() + Self.longest
        var pause = Self.pauses.lowerBound
        while true {
            if let answer = try await ask() { return answer }
            guard world.monotonic() < end else { throw DatabaseError.busy("another transaction has the row") }
            try await world.sleep(.milliseconds(pause))
            pause = min(pause * 2, Self.pauses.upperBound)
        }
    }
}

/// Undoes a transaction that would have had to wait for a row.
struct RowTaken: Error {}
