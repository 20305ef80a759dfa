import Domain
import Testing

@Suite("The low-water mark")
struct LowWaterTests {
    @Test("the first read is a full one")
    func first() {
        var mark = LowWaterMark()
        let start = mark.start(at: 0)
        #expect(start.from == .min)
        #expect(start.isFull)
    }

    @Test("then reads begin where the living begin")
    func skips() {
        var mark = LowWaterMark()
        mark.found(lowest: 700, wasFull: true, at: 0, took: 1)
        #expect(mark.start(at: 1).from == 700)
        mark.found(lowest: 900, wasFull: false, at: 1, took: 1)
        #expect(mark.start(at: 2).from == 900)
    }

    @Test("what is put in below lowers it")
    func lowers() {
        var mark = LowWaterMark()
        mark.found(lowest: 700, wasFull: true, at: 0, took: 1)
        mark.lower(to: 300)
        #expect(mark.start(at: 1).from == 300)
        mark.lower(to: 500)
        #expect(mark.start(at: 1).from == 300)
    }

    @Test("a read that found nothing leaves it")
    func nothing() {
        var mark = LowWaterMark()
        mark.found(lowest: 700, wasFull: true, at: 0, took: 1)
        mark.found(lowest: nil, wasFull: false, at: 1, took: 1)
        #expect(mark.start(at: 2).from == 700)
    }

    @Test("a belief that is wrong is mended by the next full read")
    func mends() {
        var mark = LowWaterMark()
        mark.found(lowest: 700, wasFull: true, at: 0, took: 1)
        #expect(!mark.start(at: 999).isFull)
        #expect(mark.start(at: 1_000).isFull)
        mark.found(lowest: 100, wasFull: true, at: 1_000, took: 1)
        #expect(mark.start(at: 1_001).from == 100)
    }

    @Test("full reads take at most a twentieth of all time, and come once a second at the most")
    func budget() {
        var mark = LowWaterMark()
        var time: Int64 = 0
        var spent: Int64 = 0
        while time < 600_000 {
            guard mark.start(at: time).isFull else {
                time += 1
                continue
            }
            time += 400
            spent += 400
            mark.found(lowest: 1, wasFull: true, at: time, took: 400)
        }
        #expect(spent * 20 <= 600_000 + 8_000)
    }
}
