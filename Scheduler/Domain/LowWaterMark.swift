/// A mark below which an index is believed to hold nothing alive.
///
/// A plain queue's claims slow down when ended jobs leave dead entries at the head of the index that an old
/// snapshot keeps from being cleaned. Reading from the mark on skips them. The mark is only a belief: from time to
/// time one read starts from the very beginning again, at most a twentieth of all time spent on that.
package struct LowWaterMark: Sendable {
    private var mark = Int64.min
    private var nextFullRead: Int64 = 0

    package init() {}

    /// Where to read from, at this monotonic millisecond; and whether that is a full read.
    package mutating func start(at time: Int64) -> (from: Int64, isFull: Bool) {
        time >= nextFullRead ? (.min, true) : (mark, false)
    }

    /// A read found `lowest` as the first alive (nil: nothing), taking `milliseconds`.
    package mutating func found(lowest: Int64?, wasFull: Bool, at time: Int64, took milliseconds: Int64) {
        if let lowest { mark = wasFull ? lowest : max(mark, lowest) }
        if wasFull { nextFullRead = time + max(1_000, 20 * milliseconds) }
    }

    /// Something alive was put in at `value`.
    package mutating func lower(to value: Int64) { mark = min(mark, value) }
}
