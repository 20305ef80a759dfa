import Domain
import Testing

@Suite("Who is baptized (CONTRACT 8)")
struct BaptismTests {
    @Test(
        "the score is the sum of levels, each next one worth less, the highest first",
        arguments: [
            ([0, 0, 0, 0, 0], 0.0), ([1, 0, 0, 0, 0], 1.0), ([2, 0, 0, 0, 0], 1 + 1 / 1.3), ([0, 0, 1, 0, 0], 3.0),
            ([1, 0, 0, 0, 1], 5 + 1 / 1.3), ([0, 1, 1, 0, 0], 3 + 2 / 1.3),
            ([1, 1, 1, 1, 1], 5 + 4 / 1.3 + 3 / 1.6 + 2 / 1.9 + 1 / 2.2),
        ] as [([Int64], Double)])
    func score(levels: [Int64], score: Double) {
        #expect(abs(Baptism(levels: levels).score - score) < 1e-12)
    }

    @Test("it takes two endorsements and a score of 3.0, both")
    func bounds() {
        var one = Baptism().adding(1, ofLevel: 5)
        #expect(one.score == 5 && !one.isVerified)
        one = one.adding(1, ofLevel: 1)
        #expect(one.isVerified && one.status == .baptized)
        var weak = Baptism()
        for _ in 0..<4 { weak = weak.adding(1, ofLevel: 1) }
        #expect(!weak.isVerified && weak.score < 3)
        #expect(weak.adding(1, ofLevel: 1).isVerified)
    }

    @Test("a revocation below either bound ends it, unless the operator has blessed it")
    func revocation() {
        let verified = Baptism().adding(1, ofLevel: 3).adding(1, ofLevel: 2)
        #expect(verified.isVerified)
        #expect(!verified.adding(-1, ofLevel: 2).isVerified)
        var blessed = verified
        blessed.isBlessed = true
        #expect(blessed.adding(-1, ofLevel: 2).adding(-1, ofLevel: 3).isVerified)
    }

    @Test("an endorser's level is one more for every second endorsement of its own, at most five")
    func level() {
        let levels = (0...12).map { Baptism(levels: [$0, 0, 0, 0, 0]).level }
        #expect(levels == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5, 5, 5])
    }

    @Test("a level that is none changes nothing")
    func strange() {
        for level in [Int.min, -1, 0, 6, Int.max] { #expect(Baptism().adding(1, ofLevel: level) == Baptism()) }
        #expect(Baptism().status == .none && Baptism(isRequested: true).status == .pending)
    }

    @Test("a bitmap's rows begin with a byte of their own, or all bits stand in one")
    func bitmaps() {
        #expect(Postcard.bytes(width: 1, height: 1).first == 1)
        #expect(Postcard.bytes(width: 8, height: 3).first == 3)
        #expect(Postcard.bytes(width: 122, height: 64) == [1_024, 976])
        #expect(Postcard.bytes(width: 250, height: 122).first == 3_904)
    }
}
