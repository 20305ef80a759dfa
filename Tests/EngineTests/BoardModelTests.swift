import Testing

@Suite("Claims never lose sight of a job")
struct BoardModelTests {
    private static let seedsPerPart: UInt64 = 100

    /// Whatever fails, hangs, is late or gets lost on the way.
    @Test("one that waits and fits a waiting claim is granted within five seconds", arguments: 0..<10 as Range<UInt64>)
    func bound(_ part: UInt64) {
        var granted = 0
        for seed in (part * Self.seedsPerPart)..<((part + 1) * Self.seedsPerPart) {
            let board = BoardModel(seed: seed)
            board.run(25_000)
            #expect(board.longest <= BoardModel.bound, "seed \(seed): \(board.chances)")
            granted += board.granted
        }
        // It isn't for want of jobs.
        #expect(granted > 50 * Int(Self.seedsPerPart))
    }
}
