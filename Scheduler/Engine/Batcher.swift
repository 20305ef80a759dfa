package import Bytes
internal import Domain
internal import Synchronization

/// Gathers callers who wait at the same moment, so that one statement serves them all. A lone caller waits for nobody.
/// While a round runs the next one fills; a second runs beside it once half as many wait as the last one took, or
/// when they have waited for long: one that is stuck holds nobody up.
package final class Batcher<Item: Sendable, Answer: Sendable>: Sendable {
    private struct Waiting: Sendable {
        let item: Item
        let weight: Int
        let continuation: CheckedContinuation<Answer, any Error>
    }

    private struct State: Sendable {
        var waiting: [Waiting] = []
        var running = 0
        /// How many the last round took.
        var lastCount = 1
        /// Whether somebody looks after those who wait, should the rounds that run take long.
        var isWatched = false
        /// Whether those who wait have waited for long.
        var isLate = false

        /// Whether those who wait are enough for a round beside those that run.
        var areEnough: Bool { waiting.count * 2 >= lastCount }
    }

    private let state = Mutex(State())
    private let weight: @Sendable (Item) -> Int
    private let maxWeight: Int
    private let rounds: Int
    private let patience: Duration
    private let world: World
    private let serve: @Sendable ([Item]) async throws -> [Result<Answer, any Error>]

    /// - Parameters:
    ///   - rounds: how many may run at once; two, so that one gathers while the other commits.
    ///   - maxWeight: the weight that a round may have; an item heavier than that is served alone.
    ///   - patience: how long few wait for a round that runs, before they have one of their own.
    ///   - serve: answers every item, in their order; what it throws, all of them get.
    package init(
        rounds: Int = 2, maxWeight: Int = 1_000, patience: Duration = .milliseconds(20),
        world: World = .live, weight: @escaping @Sendable (Item) -> Int = { _ in 1 },
        serve: @escaping @Sendable ([Item]) async throws -> [Result<Answer, any Error>]
    ) {
        self.rounds = rounds
        self.maxWeight = maxWeight
        self.patience = patience
        self.world = world
        self.weight = weight
        self.serve = serve
    }

    /// How many callers wait for a round.
    package var depth: Int { state.withLock(\.waiting.count) }

    package func callAsFunction(_ item: Item) async throws -> Answer {
        try await withCheckedThrowingContinuation { continuation in
            let waiting = Waiting(item: item, weight: weight(item), continuation: continuation)
            let (starts, watches) = state.withLock { state in
                state.waiting.append(waiting)
                guard state.running == 0 || state.running < rounds && state.areEnough else {
                    defer { state.isWatched = true }
                    return (false, !state.isWatched)
                }
                state.running += 1
                return (true, false)
            }
            if starts { Task { await run() } }
            if watches { Task { await watch() } }
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

    /// What the next round serves; nil ends the runner: those who wait are too few while another runs.
    private func next() -> [Waiting]? {
        state.withLock { state in
            var sum = 0
            let count = state.waiting.prefix { waiting in
                sum += waiting.weight
                return sum <= maxWeight || sum == waiting.weight
            }.count
            guard count > 0, state.running == 1 || state.areEnough || state.isLate else {
                state.running -= 1
                return nil
            }
            state.isLate = false
            state.lastCount = count
            defer { state.waiting.removeFirst(count) }
            return Array(state.waiting.prefix(count))
        }
    }

    /// Starts a round for those who have waited for long, until nobody waits.
    private func watch() async {
        while true {
            try? await world.sleep(patience)
            let (starts, goesOn) = state.withLock { state in
                state.isWatched = !state.waiting.isEmpty
                guard state.isWatched, state.running < rounds else { return (false, state.isWatched) }
                state.running += 1
                state.isLate = true
                return (true, true)
            }
            if starts { Task { await run() } }
            if !goesOn { return }
        }
    }
}
