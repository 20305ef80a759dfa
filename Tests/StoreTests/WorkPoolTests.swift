import Store
import Support
import Synchronization
import Testing

@Suite("Threads for work", .timeLimit(.minutes(1)))
struct WorkPoolTests {
    private struct Failure: Error, Equatable { let number: Int }

    /// How many are at work, and how many were at most.
    private final class Meter: Sendable {
        private let state = Mutex((now: 0, most: 0))

        func begin() {
            state.withLock { state in
                state.now += 1
                state.most = max(state.most, state.now)
            }
        }

        func end() { state.withLock { $0.now -= 1 } }

        var most: Int { state.withLock(\.most) }
    }

    @Test("do what they are brought, so much at once and no more, and tell how it ended")
    func bounded() async throws {
        let pool = WorkPool(threads: 2)
        let meter = Meter()
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<2_500 {
                group.addTask {
                    do {
                        return try await pool.run {
                            meter.begin()
                            defer { meter.end() }
                            if number.isMultiple(of: 2) { throw Failure(number: number) }
                            return number
                        }
                    } catch let failure as Failure {
                        return failure.number
                    }
                }
            }
            let all = try await group.reduce(into: Set<Int>()) { $0.insert($1) }
            #expect(all == Set(0..<2_500))
        }
        #expect((1...2).contains(meter.most) && pool.load == 0)
    }
}
