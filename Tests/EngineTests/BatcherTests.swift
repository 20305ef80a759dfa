import Domain
import Engine
import Support
import Synchronization
import Testing

@Suite("A batcher")
struct BatcherTests {
    /// Rounds as they were served, each held back until the test lets it go.
    private final class Rounds: Sendable {
        private struct State: Sendable {
            var served: [[Int]] = []
            var open = 0
            var held: [CheckedContinuation<Void, Never>] = []
        }

        private let state = Mutex(State())

        var served: [[Int]] { state.withLock(\.served) }

        func serve(_ items: [Int]) async {
            await withCheckedContinuation { continuation in
                let goes = state.withLock { state in
                    state.served.append(items)
                    guard state.open > 0 else {
                        state.held.append(continuation)
                        return false
                    }
                    state.open -= 1
                    return true
                }
                if goes { continuation.resume() }
            }
        }

        func release(_ count: Int = 1) {
            let held = state.withLock { state in
                let some = Array(state.held.prefix(count))
                state.held.removeFirst(some.count)
                state.open += count - some.count
                return some
            }
            for continuation in held { continuation.resume() }
        }
    }

    private struct Odd: Error, Equatable { let number: Int }

    @Test("who waits while a round runs goes together in the next")
    func gathers() async throws {
        let rounds = Rounds()
        let batcher = Batcher<Int, Int>(rounds: 1) { items in
            await rounds.serve(items)
            return items.map { .success($0 * 2) }
        }
        try await withThrowingTaskGroup(of: Bool.self) { group in
            group.addTask { try await batcher(0) == 0 }
            try await eventually("the first round runs") { rounds.served == [[0]] }
            for number in 1...50 {
                group.addTask { try await batcher(number) == 2 * number }
            }
            try await eventually("all others wait") { batcher.depth == 50 }
            rounds.release(100)
            for try await isRight in group { #expect(isRight) }
        }
        #expect(rounds.served.count == 2)
        #expect(rounds.served.last?.sorted() == Array(1...50))
    }

    @Test("each gets its own answer, and one's error is nobody else's")
    func isolated() async throws {
        let batcher = Batcher<Int, String> { items in
            items.map { $0 % 2 == 0 ? .success("\($0)") : .failure(Odd(number: $0)) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    do {
                        let answer = try await batcher(number)
                        #expect(answer == "\(number)" && number % 2 == 0)
                    } catch let odd as Odd { #expect(odd.number == number) }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("what a round throws, all in it get, and the next round runs")
    func thrown() async throws {
        let batcher = Batcher<Int, Int> { items in
            if items.contains(13) { throw Odd(number: 13) }
            return items.map { .success($0) }
        }
        await #expect(throws: Odd(number: 13)) { try await batcher(13) }
        #expect(try await batcher(1) == 1)
    }

    @Test("a round that leaves some without an answer is our bug, and keeps nobody waiting")
    func unanswered() async throws {
        let batcher = Batcher<Int, Int> { items in items.dropFirst().map { .success($0) } }
        await #expect(throws: InternalError.self) { try await batcher(1) }
    }

    @Test("a round is no heavier than it may be, and what is heavier is served alone")
    func weights() async throws {
        let rounds = Rounds()
        let batcher = Batcher<Int, Int>(rounds: 1, maxWeight: 10, weight: \.self) { items in
            await rounds.serve(items)
            return items.map { .success($0) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await batcher(1) }
            try await eventually("the first round runs") { rounds.served == [[1]] }
            for (count, number) in [4, 4, 4, 25, 10, 0, 3].enumerated() {
                group.addTask { _ = try await batcher(number) }
                try await eventually("it waits") { batcher.depth == count + 1 }
            }
            rounds.release(100)
            try await group.waitForAll()
        }
        #expect(rounds.served == [[1], [4, 4], [4], [25], [10, 0], [3]])
    }

    @Test("two rounds run side by side, no third")
    func sideBySide() async throws {
        let rounds = Rounds()
        let batcher = Batcher<Int, Int>(maxWeight: 1) { items in
            await rounds.serve(items)
            return items.map { .success($0) }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<3 { group.addTask { _ = try await batcher(number) } }
            try await eventually("two run") { rounds.served.count == 2 }
            try await eventually("one waits") { batcher.depth == 1 }
            #expect(rounds.served.count == 2)
            rounds.release(3)
            try await group.waitForAll()
        }
        #expect(rounds.served.count == 3)
    }

    @Test("ten thousand callers at once are all answered")
    func crowd() async throws {
        let batcher = Batcher<Int, Int> { items in items.map { .success($0) } }
        let sum = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<10_000 { group.addTask { try await batcher(number) } }
            return try await group.reduce(0, +)
        }
        #expect(sum == 49_995_000)
        #expect(batcher.depth == 0)
    }
}
