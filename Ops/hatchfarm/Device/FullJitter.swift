internal import Bytes

/// The time before the next attempt: random, from nothing up to a bound that doubles from 1 s to 30 s, so that devices
/// which lost their server at the same moment don't come back at the same moment.
struct FullJitter: Sendable {
    private static let bounds: ClosedRange<Int64> = 1_000...30_000

    private var bound = FullJitter.bounds.lowerBound

    /// In milliseconds.
    mutating func next(in world: World) -> Int64 {
        let bits = world.random(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let wait = Int64(bits % UInt64(bound + 1))
        bound = min(bound * 2, Self.bounds.upperBound)
        return wait
    }

    mutating func reset() { bound = Self.bounds.lowerBound }
}
