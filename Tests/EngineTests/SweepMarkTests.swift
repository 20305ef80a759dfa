import Engine
import Testing

@Suite("Where a sweep of leases begins")
struct SweepMarkTests {
    /// A mark after a whole sweep at the instant 1,000,000.
    private func swept() -> SweepMark {
        var mark = SweepMark()
        mark.end(from: mark.start(at: 1_000_000), at: 1_000_000)
        return mark
    }

    @Test("is the very beginning at first, and until a sweep has seen all")
    func first() {
        let mark = SweepMark()
        #expect(mark.start(at: 1_000_000) == .min)
        #expect(mark.start(at: 1_000_500) == .min)
    }

    @Test("is then where the last one ended")
    func near() {
        var mark = swept()
        #expect(mark.start(at: 1_000_500) == 1_000_000)
        mark.end(from: 1_000_000, at: 1_000_500)
        #expect(mark.start(at: 1_001_000) == 1_000_500)
        // That one failed.
        #expect(mark.start(at: 1_001_500) == 1_000_500)
    }

    @Test("goes back further each two seconds, by more than a transaction may last")
    func wide() {
        var mark = swept()
        mark.end(from: 1_000_000, at: 1_001_900)
        #expect(mark.start(at: 1_002_000) == 1_000_000 - SweepMark.slack)
        mark.end(from: 1_000_000 - SweepMark.slack, at: 1_002_000)
        #expect(mark.start(at: 1_002_500) == 1_002_000)
        #expect(mark.start(at: 1_004_000) == 1_002_000 - SweepMark.slack)
    }

    @Test("is the very beginning each minute, and when the clock has gone back")
    func whole() {
        var mark = swept()
        for now in stride(from: Int64(1_000_500), to: 1_060_000, by: 500) {
            #expect(mark.start(at: now) != .min)
            mark.end(from: mark.start(at: now), at: now)
        }
        #expect(mark.start(at: 1_060_000) == .min)
        #expect(mark.start(at: 1_000_000) == .min)
    }
}
