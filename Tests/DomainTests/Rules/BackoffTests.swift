import Domain
import Testing

@Suite("Backoff")
struct BackoffTests {
    private func delays(_ backoff: Backoff, after attempts: Int64, times: Int = 400) -> [Int64] {
        var chance = SeededChance(seed: 7)
        return (0..<times).map { _ in backoff.delay(after: attempts, using: &chance) }
    }

    @Test(
        "the wait grows by the factor, and lies between half and all of it",
        arguments: [
            (1, 1_000), (2, 2_000), (3, 4_000), (4, 8_000), (9, 256_000), (10, 300_000), (100, 300_000),
        ] as [(Int64, Int64)])
    func bounds(attempts: Int64, full: Int64) {
        let waits = delays(.standard, after: attempts)
        #expect(waits.allSatisfy { (full / 2...full).contains($0) })
    }

    @Test("jitter uses the whole of its range, so that a crowd doesn't return at once")
    func jitter() throws {
        let waits = delays(.standard, after: 1)
        #expect(try #require(waits.min()) < 550)
        #expect(try #require(waits.max()) > 950)
        #expect(Set(waits).count > 200)
    }

    @Test("the factor counts in thousandths")
    func factor() {
        let waits = delays(Backoff(initial: 1_000, factor: 1_500, max: 60_000), after: 3)
        #expect(waits.allSatisfy { (1_125...2_250).contains($0) })
    }

    @Test("a first wait longer than the longest is cut to it")
    func cut() {
        #expect(
            delays(Backoff(initial: 90_000, factor: 2_000, max: 10), after: 1).allSatisfy { (5...10).contains($0) })
    }

    @Test(
        "nothing that can be asked for overflows or waits below zero",
        arguments: [0, 1, 2, 86_400_000] as [Int64], [1_000, 10_000] as [Int64])
    func extremes(milliseconds: Int64, factor: Int64) {
        for attempts in [-1, 0, 1, 2, 100, .max] as [Int64] {
            for most in [0, 1, 86_400_000] as [Int64] {
                let backoff = Backoff(initial: milliseconds, factor: factor, max: most)
                let waits = delays(backoff, after: attempts, times: 5)
                #expect(waits.allSatisfy { (0...min(most, 86_400_000)).contains($0) })
            }
        }
    }

    @Test("no wait is no wait")
    func none() {
        #expect(delays(Backoff(initial: 0, factor: 2_000, max: 1_000), after: 5).allSatisfy { $0 == 0 })
    }

    @Test("a lost lease rests for at most two seconds, however often it is lost")
    func loss() {
        for losses in 1...100 as ClosedRange<Int64> {
            #expect(delays(LeaseRules.lossBackoff, after: losses, times: 20).allSatisfy { (125...2_000).contains($0) })
        }
    }
}
