/// A mark below which an index is believed to hold nothing alive, and whether it is believed to hold anything.
///
/// A plain queue's claims slow down when ended jobs leave dead entries at the head of the index that an old
/// snapshot keeps from being cleaned. Reading from the mark on skips them. What a read sees is not all there is: it
/// passes over what others have locked, and over what is committed late. So the mark is only a belief, by these rules:
///
/// 1. A read that ends well raises the mark to where the living begin as far as it saw, but never above what was put
///    in, or put back, or left, since it began.
/// 2. Whatever is put in, or is seen alive, lowers it at once.
/// 3. A read that fails, or of which nobody knows how it ended, lowers it to where it stood when that read began: other
///    reads have passed over what it had locked.
/// 4. A full read, from the very beginning, is due two seconds after the last one *began* or sooner, whatever became of
///    that and however long it takes. So what nobody tells (another process's failure, a lock that outlives its
///    connection, a commit without an answer) is out of sight for two seconds at the most. Until then one at a time
///    reads in full, and the others from the mark.
/// 5. Only a full read says that nothing is there. A read from the mark that finds nothing leaves it in doubt.
///
/// Times are monotonic milliseconds.
package struct LowWaterMark: Sendable {
    /// A read under way: to be ended, failed or dropped.
    package struct Read: Sendable {
        fileprivate let number: Int
        /// Where it begins: at the mark, or at `.min`.
        package let from: Int64
        package var isFull: Bool { from == .min }
    }

    package enum Belief: Sendable {
        case holding
        /// A read from the mark found nothing; the next full read tells.
        case doubtful
        case empty
    }

    private struct UnderWay: Sendable {
        let mark: Int64
        let began: Int64
        /// The lowest that was put in meanwhile.
        var lowered = Int64.max
    }

    /// A full read of up to 50 ms is repeated after a second; one that takes longer, after twenty times as long.
    private static let shortest: Int64 = 1_000
    private static let longest: Int64 = 2_000

    private var mark = Int64.min
    private var nextFullRead: Int64 = 0
    private var lastNumber = 0
    private var lastFull = 0
    private var reads: [Int: UnderWay] = [:]
    package private(set) var belief = Belief.holding

    package init() {}

    /// Whether the next read will be a full one.
    package func isFullReadDue(at time: Int64) -> Bool { time >= nextFullRead || mark == .min }

    /// From when on the next read is a full one, in monotonic milliseconds.
    package var fullReadDue: Int64 { mark == .min ? .min : nextFullRead }

    /// Whether no read is under way.
    package var isIdle: Bool { reads.isEmpty }

    package mutating func begin(at time: Int64) -> Read {
        lastNumber += 1
        let isFull = isFullReadDue(at: time)
        if isFull {
            lastFull = lastNumber
            nextFullRead = time + Self.longest
        }
        reads[lastNumber] = UnderWay(mark: mark, began: time)
        return Read(number: lastNumber, from: isFull ? .min : mark)
    }

    /// A read ended well, and what it took is gone for good.
    /// - Parameters:
    ///   - alive: the first that it saw and left alive; nil when it left none.
    ///   - taken: the last that it took; nil when it took none.
    package mutating func end(_ read: Read, alive: Int64?, taken: Int64? = nil, at time: Int64) {
        guard let own = reads.removeValue(forKey: read.number) else { return }
        if read.number == lastFull {
            let pause = min(Self.longest, max(Self.shortest, 20 * min(time - own.began, Self.longest)))
            nextFullRead = own.began + pause
        }
        guard let lowest = alive ?? taken else {
            guard own.lowered == .max else { return }
            belief = read.isFull || belief == .empty ? .empty : .doubtful
            return
        }
        belief = .holding
        let bound = min(lowest, own.lowered)
        if bound > mark {
            mark = bound
        } else if read.isFull {
            // Below the mark there was something after all, and there may be more of it.
            lower(to: bound)
        }
        // It was locked until now, and those who read meanwhile have passed it over.
        if let alive { lower(to: alive) }
    }

    /// A read failed, or its outcome is unknown. What it had locked may be alive.
    package mutating func fail(_ read: Read, at time: Int64) {
        guard let own = reads.removeValue(forKey: read.number) else { return }
        lower(to: own.mark)
        if read.isFull { nextFullRead = min(nextFullRead, own.began + Self.shortest) }
    }

    /// A read didn't take place, or locked nothing and saw nothing.
    package mutating func drop(_ read: Read, at time: Int64) {
        guard reads.removeValue(forKey: read.number) != nil else { return }
        if read.isFull { nextFullRead = min(nextFullRead, time) }
    }

    /// Something alive was put in at `value`.
    package mutating func lower(to value: Int64) {
        mark = min(mark, value)
        belief = .holding
        for (number, var read) in reads {
            read.lowered = min(read.lowered, value)
            reads[number] = read
        }
    }
}

/// For a reader who reads again and again, one read at a time.
extension LowWaterMark {
    /// Where to read from, at this monotonic millisecond; and whether that is a full read. An earlier read that found
    /// nothing to say has failed.
    package mutating func start(at time: Int64) -> (from: Int64, isFull: Bool) {
        for number in reads.keys { fail(Read(number: number, from: number == lastFull ? .min : mark), at: time) }
        let read = begin(at: time)
        return (read.from, read.isFull)
    }

    /// The read found `lowest` as the first alive (nil: nothing).
    package mutating func found(lowest: Int64?, wasFull: Bool, at time: Int64, took milliseconds: Int64) {
        end(Read(number: lastNumber, from: wasFull ? .min : mark), alive: lowest, at: time)
    }
}
