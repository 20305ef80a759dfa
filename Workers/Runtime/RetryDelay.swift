internal import Bytes

/// Waits that double, with jitter, so that many workers don't come back at the same moment.
struct RetryDelay: Sendable {
    private let first: Int64
    private let longest: Int64
    private var next: Int64

    init(firstMilliseconds: Int64 = 250, longestMilliseconds: Int64 = 30_000) {
        first = firstMilliseconds
        longest = longestMilliseconds
        next = firstMilliseconds
    }

    mutating func reset() {
        next = first
    }

    /// Half to all of the current step, at least what the server asked for.
    mutating func milliseconds(in world: World, atLeast floor: Int64? = nil) -> Int64 {
        let half = next / 2
        next = min(next * 2, longest)
        // At most an hour: the server's word is from outside.
        return max(half + world.random(below: half + 1), min(floor ?? 0, 3_600_000))
    }
}

extension World {
    /// 0 or above, and below `bound`.
    func random(below bound: Int64) -> Int64 {
        guard bound > 1 else { return 0 }
        let bits = random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int64(bits % UInt64(bound))
    }
}
