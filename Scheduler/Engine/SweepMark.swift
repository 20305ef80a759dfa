/// From which instant a sweep looks for leases that ran out.
///
/// Ended jobs leave dead entries in the index of leases, which an old snapshot keeps from being cleaned: a sweep that
/// read all of them would take the longer the more jobs have ended since. No lease is written that has run out already,
/// but by a transaction that commits late; and what a sweep passed over, because others had it locked, is for a later
/// one. So most sweeps begin where the last one ended, one in two seconds goes back further, and one in a minute reads
/// them all. Instants are Unix milliseconds of the database.
package struct SweepMark: Sendable {
    /// How often a sweep goes back by `slack`.
    package static let wideEvery: Int64 = 2_000
    /// How often a sweep reads all leases that ran out.
    package static let wholeEvery: Int64 = 60_000
    /// How late a transaction may commit: longer than an idle one is let live.
    package static let slack: Int64 = 20_000

    private var sweep = Int64.max
    private var wide = Int64.max
    private var whole = Int64.max

    package init() {}

    /// Where a sweep begins that reads what ran out up to `now`: `.min` for all of it.
    package func start(at now: Int64) -> Int64 {
        // Also when the clock went back.
        guard now >= sweep, now - whole < Self.wholeEvery else { return .min }
        return now - wide < Self.wideEvery ? sweep : wide - Self.slack
    }

    /// A sweep that began at `from` saw all that had run out at `now`. One that didn't, or failed, is not told.
    package mutating func end(from: Int64, at now: Int64) {
        if from == .min { whole = now }
        if from < sweep { wide = now }
        sweep = now
    }
}
