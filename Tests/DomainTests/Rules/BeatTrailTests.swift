import Domain
import Testing

@Suite("Which heartbeats are events")
struct BeatTrailTests {
    private static let (one, other) = (PolicyID("pol_1"), PolicyID("pol_2"))

    /// The seconds at which heartbeats were events.
    private func events(_ beats: [(second: Int64, policy: PolicyID)], _ trail: BeatTrail? = nil) -> [Int64] {
        var trail = trail ?? BeatTrail(lastAt: nil, policy: nil, recordedAt: nil)
        return beats.filter { trail.note(policy: $0.policy, at: $0.second * 1_000, silence: 90_000) }.map(\.second)
    }

    @Test("the first, and then one an hour")
    func hourly() {
        let found = events(stride(from: 0, through: 7_300, by: 30).map { ($0, Self.one) })
        #expect(found == [0, 3_600, 7_200])
    }

    @Test("the first after a silence of three heartbeats")
    func silence() {
        let found = events([0, 89, 178, 268, 300].map { ($0, Self.one) })
        #expect(found == [0, 268])
    }

    @Test("the first under another policy")
    func policy() {
        #expect(events([(0, Self.one), (30, Self.other), (60, Self.other), (90, Self.one)]) == [0, 30, 90])
    }

    @Test("the first of a machine that was heard of before events were counted")
    func before() {
        let trail = BeatTrail(lastAt: 0, policy: nil, recordedAt: nil)
        #expect(events([(30, Self.one), (60, Self.one)], trail) == [30])
    }

    @Test("a clock that was set back makes none")
    func back() {
        #expect(events([(5_000, Self.one), (1_000, Self.one), (1_030, Self.one)]) == [5_000])
    }
}
