internal import Bytes

/// Exponential backoff with jitter, so that many workers don't retry at the same moment.
struct RetryDelay: Sendable {
    private let initial: Int64
    private let maximum: Int64
    private var next: Int64

    init(initialMilliseconds: Int64 = 250, maxMilliseconds: Int64 = 30_000) {
        initial = initialMilliseconds
        maximum = maxMilliseconds
        next = initialMilliseconds
    }

    mutating func reset() {
        next = initial
    }

    /// Between half and all of the current step, but at least what the server asked for.
    mutating func milliseconds(in world: World, atLeast floor: Int64? = nil) -> Int64 {
        let half = next / 2
        next = min(next * 2, maximum)
        // At most an hour: the server's value is untrusted.
        return max(half + world.random(below: half + 1), min(floor ?? 0, 3_600_000))
    }
}

extension World {
    /// From 0 up to, but not including, `bound`.
    func random(below bound: Int64) -> Int64 {
        guard bound > 1 else { return 0 }
        let bits = random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(bits % UInt64(bound))
    }
}
