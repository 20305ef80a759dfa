import Bytes
import Foundation
import Synchronization
import Testing

@Suite("Ids in the order in which they are made")
struct UUIDSequenceTests {
    private func next(_ ids: UUIDSequence, _ milliseconds: Int64) -> String {
        var generator = SystemRandomNumberGenerator()
        return ids.next(milliseconds: milliseconds, using: &generator)
    }

    /// The time in an id.
    private func time(_ id: String) -> Int64? { Int64(id.replacing("-", with: "").prefix(12), radix: 16) }

    /// All bits set, so that an id shows which of its bits are chance.
    private struct Ones: RandomNumberGenerator {
        func next() -> UInt64 { .max }
    }

    @Test("an id carries its time, its version, a count, and 62 bits of chance")
    func form() {
        let ids = UUIDSequence()
        var ones = Ones()
        #expect(ids.next(milliseconds: 0x0188_1234_5678, using: &ones) == "01881234-5678-7000-bfff-ffffffffffff")
        #expect(ids.next(milliseconds: 0x0188_1234_5678, using: &ones) == "01881234-5678-7001-bfff-ffffffffffff")
        #expect(ids.next(milliseconds: 0x0188_1234_5679, using: &ones) == "01881234-5679-7000-bfff-ffffffffffff")
        var chance: Set<Substring> = []
        for _ in 0..<1_000 {
            let id = next(ids, 0x0188_1234_5679)
            #expect(UUIDv7.isUUID(id) && "89ab".contains(id.dropFirst(19).prefix(1)))
            chance.insert(id.suffix(17))
        }
        #expect(chance.count == 1_000)
    }

    @Test("100,000 by eight threads are all different, and those of one thread are in order")
    func threads() {
        let (ids, each) = (UUIDSequence(), 12_500)
        let made = Mutex<[[String]]>([])
        let threads = (0..<8).map { _ in
            Thread {
                let own = (0..<each).map { _ in next(ids, World.live.now()) }
                made.withLock { $0.append(own) }
            }
        }
        for thread in threads { thread.start() }
        while !threads.allSatisfy(\.isFinished) { usleep(1_000) }
        let all = made.withLock { $0 }
        #expect(all.count == 8 && all.allSatisfy { $0.count == each })
        for own in all { #expect(zip(own, own.dropFirst()).allSatisfy { $0 < $1 }) }
        #expect(Set(all.joined()).count == 8 * each)
    }

    @Test("a clock that goes back, or stands still for long, changes nothing of the order")
    func clock() {
        let ids = UUIDSequence()
        let instants: [Int64] = [1_000, 1_000, 999, 5, 0, -1, .min, 1_000, 1_001, 1_000, 2_000]
        let made = (instants + Array(repeating: 2_000, count: 10_000) + [2_001, 9_000]).map { next(ids, $0) }
        #expect(zip(made, made.dropFirst()).allSatisfy { $0 < $1 })
        #expect(made.prefix(11).map(time) == Array(repeating: 1_000, count: 8) + [1_001, 1_001, 2_000])
        // 4,096 in a millisecond; what is beyond takes the next one's.
        #expect(made.dropFirst(10).prefix(4_096).allSatisfy { time($0) == 2_000 })
        #expect(time(made[10 + 4_096]) == 2_001 && time(made[10_011]) == 2_002)
        #expect(made.last.flatMap(time) == 9_000, "and meets the clock again")
    }

    @Test("a clock that was an hour ahead for once is followed back")
    func astray() {
        let ids = UUIDSequence()
        let made = [1_000, 3_601_000, 3_600_000, 2_000, 2_001].map { next(ids, $0) }
        #expect(made.map(time) == [1_000, 3_601_000, 3_601_000, 2_000, 2_001])
    }

    @Test("a time beyond what an id holds counts as the last one")
    func bounds() {
        let ids = UUIDSequence()
        #expect(time(next(ids, .max)) == 0xFFFF_FFFF_FFFF)
        #expect(UUIDv7.isUUID(next(ids, .max)))
    }
}
