internal import Domain
internal import Synchronization

/// Gathers callers who wait at the same moment, so that one statement serves them all. A caller waits only for the
/// rounds before it: while a round runs, the next one fills.
package final class Batcher<Item: Sendable, Answer: Sendable>: Sendable {
    private struct Waiting: Sendable {
        let item: Item
        let weight: Int
        let continuation: CheckedContinuation<Answer, any Error>
    }

    private struct State: Sendable {
        var waiting: [Waiting] = []
        var running = 0
    }

    private let state = Mutex(State())
    private let weight: @Sendable (Item) -> Int
    private let maxWeight: Int
    private let rounds: Int
    private let serve: @Sendable ([Item]) async throws -> [Result<Answer, any Error>]

    /// - Parameters:
    ///   - rounds: how many may run at once; two, so that one gathers while the other commits.
    ///   - maxWeight: the weight that a round may have; an item heavier than that is served alone.
    ///   - serve: answers every item, in their order; what it throws, all of them get.
    package init(
        rounds: Int = 2, maxWeight: Int = 1_000, weight: @escaping @Sendable (Item) -> Int = { _ in 1 },
        serve: @escaping @Sendable ([Item]) async throws -> [Result<Answer, any Error>]
    ) {
        self.rounds = rounds
        self.maxWeight = maxWeight
        self.weight = weight
        self.serve = serve
    }

    /// How many callers wait for a round.
    package var depth: Int { state.withLock(\.waiting.count) }

    package func callAsFunction(_ item: Item) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let waiting = Waiting(item: item, weight: weight(item), continuation: continuation)
            let starts = state.withLock { state in
                state.waiting.append(waiting)
                guard state.running < rounds else { return false }
                state.running += 1
                return true
            }
            if starts { Task { await run() } }
        }
    }

    private func run() async {
        while let round = next() {
            do {
                let answers = try await serve(round.map(\.item))
                guard answers.count == round.count else {
                    throw InternalError("\(round.count) items got \(answers.count) answers")
                }
                for (waiting, answer) in zip(round, answers) { waiting.continuation.resume(with: answer) }
            } catch {
                for waiting in round { waiting.continuation.resume(throwing: error) }
            }
        }
    }

    /// What the next round serves; nil ends the runner.
    private func next() -> [Waiting]? {
        state.withLock { state in
            var sum = 0
            let count = state.waiting.prefix { waiting in
                sum += waiting.weight
                return sum <= maxWeight || sum == waiting.weight
            }.count
            guard count > 0 else {
                state.running -= 1
                return nil
            }
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }
}
