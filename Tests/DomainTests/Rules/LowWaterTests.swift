import Domain
import Testing

@Suite("The low-water mark")
struct LowWaterTests {
    /// A mark at this tag, at the time 0, after a full read of a millisecond.
    private func mark(at tag: Int64) -> LowWaterMark {
        var mark = LowWaterMark()
        let read = mark.begin(at: 0)
        mark.end(read, alive: tag, at: 1)
        return mark
    }

    /// Where a read would begin.
    private func start(_ mark: LowWaterMark, at time: Int64) -> Int64 {
        var mark = mark
        return mark.begin(at: time).from
    }

    @Test("the first read is a full one")
    func first() {
        var mark = LowWaterMark()
        #expect(mark.belief == .holding)
        #expect(mark.begin(at: 0).isFull)
    }

    @Test("then reads begin where the living begin")
    func skips() {
        var mark = mark(at: 700)
        let read = mark.begin(at: 2)
        #expect(read.from == 700)
        #expect(!read.isFull)
        mark.end(read, alive: nil, taken: 900, at: 3)
        #expect(start(mark, at: 4) == 900)
    }

    @Test("what is put in below lowers it")
    func lowers() {
        var mark = mark(at: 700)
        mark.lower(to: 300)
        #expect(start(mark, at: 2) == 300)
        mark.lower(to: 500)
        #expect(start(mark, at: 2) == 300)
    }

    @Test("a read doesn't raise it above what was put in while it read", arguments: [10, 300, 800] as [Int64])
    func arrival(_ tag: Int64) {
        var mark = mark(at: 200)
        let read = mark.begin(at: 2)
        mark.lower(to: tag)
        mark.end(read, alive: 900, at: 3)
        #expect(start(mark, at: 4) == tag)
    }

    @Test("a read that fails lowers it to where it began, though others have passed that over meanwhile")
    func fails() {
        var mark = mark(at: 100)
        let failing = mark.begin(at: 2)
        let other = mark.begin(at: 3)
        mark.end(other, alive: nil, taken: 300, at: 4)
        let late = mark.begin(at: 5)
        #expect(late.from == 300)
        mark.fail(failing, at: 6)
        #expect(start(mark, at: 7) == 100)
        // Also one that began before the failure and ends after it.
        mark.end(late, alive: 500, at: 8)
        #expect(start(mark, at: 9) == 100)
    }

    @Test("what a claim leaves was locked until then: others who read meanwhile don't raise it above that")
    func left() {
        var mark = mark(at: 100)
        let leaving = mark.begin(at: 2)
        let other = mark.begin(at: 3)
        let third = mark.begin(at: 4)
        mark.end(other, alive: nil, taken: 300, at: 5)
        mark.end(leaving, alive: 150, taken: 140, at: 6)
        mark.end(third, alive: nil, taken: 400, at: 7)
        #expect(start(mark, at: 8) == 150)
    }

    @Test("what a full read finds below it lowers it for those who read at that moment, too")
    func mends() {
        var mark = mark(at: 700)
        let full = mark.begin(at: 1_000)
        let other = mark.begin(at: 1_001)
        #expect(full.isFull && other.from == 700)
        mark.end(full, alive: nil, taken: 100, at: 1_002)
        mark.end(other, alive: nil, taken: 900, at: 1_003)
        #expect(start(mark, at: 1_004) == 100)
    }

    @Test("overlapping reads raise it in the end, in whatever order they end")
    func overlap() {
        var mark = mark(at: 0)
        var underWay: [(LowWaterMark.Read, Int64)] = []
        for number in 1...900 as ClosedRange<Int64> {
            underWay.append((mark.begin(at: number), number * 10))
            guard underWay.count == 8 else { continue }
            let (read, taken) = underWay.remove(at: Int(number * 5 % 8))
            mark.end(read, alive: nil, taken: taken, at: number)
        }
        #expect(start(mark, at: 999) > 8_500)
    }

    @Test("only a full read says that nothing is there; one from the mark that finds nothing leaves it in doubt")
    func empty() {
        var mark = mark(at: 700)
        let read = mark.begin(at: 2)
        mark.end(read, alive: nil, at: 3)
        #expect(mark.belief == .doubtful)
        #expect(start(mark, at: 4) == 700)
        let full = mark.begin(at: 1_000)
        mark.end(full, alive: nil, at: 1_001)
        #expect(mark.belief == .empty)
        mark.lower(to: 800)
        #expect(mark.belief == .holding)
    }

    @Test("nor does one during which something was put in, or another failed")
    func notEmpty() {
        var mark = mark(at: 700)
        let failing = mark.begin(at: 2)
        let first = mark.begin(at: 1_000)
        mark.lower(to: 900)
        mark.end(first, alive: nil, at: 1_001)
        #expect(mark.belief == .holding)
        let second = mark.begin(at: 2_000)
        #expect(second.isFull)
        mark.fail(failing, at: 2_001)
        mark.end(second, alive: nil, at: 2_002)
        #expect(mark.belief == .holding)
    }

    /// How long a full read takes, and after how long the next begins, in milliseconds.
    @Test(
        "full reads begin every one to two seconds, however long they take",
        arguments: [(1, 1_000), (60, 1_200), (400, 2_000), (60_000, 2_000)] as [(Int64, Int64)])
    func bound(_ cost: Int64, _ gap: Int64) {
        var mark = mark(at: 700)
        var underWay: [(end: Int64, read: LowWaterMark.Read)] = []
        var begins: [Int64] = []
        for time in 1...30_000 as ClosedRange<Int64> {
            for done in underWay where done.end == time { mark.end(done.read, alive: 700, at: time) }
            guard mark.isFullReadDue(at: time) else { continue }
            begins.append(time)
            underWay.append((time + cost, mark.begin(at: time)))
            // Meanwhile the others read from the mark.
            #expect(start(mark, at: time) == 700)
        }
        #expect(begins.first == 1_000)
        #expect(zip(begins.dropFirst(), begins).allSatisfy { $0 - $1 == gap })
        #expect(begins.count == Int(29_000 / gap) + 1)
    }

    @Test("a full read that failed is due again after a second, one that didn't take place at once")
    func again() {
        var mark = mark(at: 700)
        let failed = mark.begin(at: 1_000)
        mark.fail(failed, at: 1_010)
        #expect(!mark.isFullReadDue(at: 1_999))
        #expect(mark.isFullReadDue(at: 2_000))
        let dropped = mark.begin(at: 2_000)
        #expect(dropped.isFull && !mark.isFullReadDue(at: 2_010))
        mark.drop(dropped, at: 2_010)
        #expect(mark.isFullReadDue(at: 2_010))
        #expect(start(mark, at: 2_010) == .min)
    }

    @Test("a reader who reads again and again, and sometimes fails, is served alike")
    func alone() {
        var mark = LowWaterMark()
        #expect(mark.start(at: 0).isFull)
        mark.found(lowest: 700, wasFull: true, at: 1, took: 1)
        #expect(mark.start(at: 2).from == 700)
        mark.found(lowest: nil, wasFull: false, at: 3, took: 1)
        #expect(mark.start(at: 4).from == 700)
        // That one failed.
        #expect(mark.start(at: 5).from == 700)
        mark.found(lowest: 900, wasFull: false, at: 6, took: 1)
        #expect(mark.start(at: 7).from == 900)
        #expect(mark.start(at: 1_000).isFull)
        mark.found(lowest: 100, wasFull: true, at: 1_001, took: 1)
        #expect(mark.start(at: 1_002).from == 100)
    }
}
