/// What the market's prices follow: one vote for each owner whose machines did paid work for others within a day, its
/// own utilisation. So machines that are invented, and work for oneself or for nothing, move no price, and nobody's
/// machines count more by being many (decision 15).
package enum MarketVotes {
    /// Who has had no paid work of others for as long has no vote, in milliseconds.
    package static let window: Int64 = 86_400_000
    /// There are as many votes at the least: those that are missing say that half is in use. So no owner counts more
    /// than a quarter.
    package static let fewest: Int64 = 4
    /// What a missing vote says, thousandths.
    package static let neutral: Int64 = 500

    /// Of all, in thousandths, 0–1,000; nil while nobody has a vote.
    package static func utilisation(_ votes: [MarketLoad]) -> Int64? {
        let said = votes.compactMap(\.utilisation)
        guard !said.isEmpty else { return nil }
        let count = Int64(said.count)
        let missing = max(0, fewest - count)
        return (said.reduce(0, +) + missing * neutral) / (count + missing)
    }
}

/// How much of what an owner's live machines have is in use.
package struct MarketLoad: Sendable, Hashable {
    /// Thousandths of cores.
    package var milliCores: Int64
    package var usedMilliCores: Int64
    package var memoryMiB: Int64
    package var usedMemoryMiB: Int64

    package init(milliCores: Int64, usedMilliCores: Int64, memoryMiB: Int64, usedMemoryMiB: Int64) {
        self.milliCores = milliCores
        self.usedMilliCores = usedMilliCores
        self.memoryMiB = memoryMiB
        self.usedMemoryMiB = usedMemoryMiB
    }

    /// Of the scarcer of cores and memory, in thousandths, 0–1,000; nil while no machine states what it has.
    package var utilisation: Int64? {
        [Self.thousandths(usedMilliCores, of: milliCores), Self.thousandths(usedMemoryMiB, of: memoryMiB)]
            .compactMap(\.self).max()
    }

    private static func thousandths(_ used: Int64, of all: Int64) -> Int64? {
        guard all > 0 else { return nil }
        guard used < all else { return 1_000 }
        // Below `all`, so the quotient is below a thousand.
        return all.dividingFullWidth(max(0, used).multipliedFullWidth(by: 1_000)).quotient
    }
}

/// How prices follow utilisation. All in thousandths.
package enum PriceFactor {
    /// Half the base price when nothing runs, twice when everything does.
    package static let range: ClosedRange<Int64> = 500...2_000
    /// Base prices: half in use, or nobody knows.
    package static let neutral: Int64 = 1_000

    /// Where prices belong at this utilisation: two straight lines that meet at the base price and 50 %.
    package static func target(utilisation: Int64?) -> Int64 {
        guard let utilisation else { return neutral }
        let used = min(max(utilisation, 0), 1_000)
        return used <= 500 ? 500 + used : 2 * used
    }

    /// The next factor on the way there: a step changes it by a tenth at most.
    package static func step(from factor: Int64, towards target: Int64) -> Int64 {
        let here = clamped(factor)
        return min(max(clamped(target), here - here / 10), here + here / 10)
    }

    private static func clamped(_ factor: Int64) -> Int64 {
        min(max(factor, range.lowerBound), range.upperBound)
    }
}

/// The prices that hold, and how they came about.
package struct MarketPrices: Sendable, Hashable {
    package var base: UnitPrices
    /// Thousandths.
    package var factor: Int64
    /// Thousandths, as the last step saw it.
    package var utilisation: Int64
    /// The instant from which they hold, milliseconds since 1970; 0 before the first step.
    package var since: Int64
    /// The instant of the last step.
    package var steppedAt: Int64

    /// From step to step, in milliseconds.
    package static let pause: Int64 = 60_000

    package init(base: UnitPrices, factor: Int64, utilisation: Int64, since: Int64, steppedAt: Int64) {
        self.base = base
        self.factor = factor
        self.utilisation = utilisation
        self.since = since
        self.steppedAt = steppedAt
    }

    package var current: UnitPrices { base.times(thousandths: factor) }

    /// When the next step is due.
    package var nextStep: Int64 { steppedAt + Self.pause }

    /// The prices after a step: these, moved towards what the votes ask for.
    package func stepped(base: UnitPrices, votes: [MarketLoad], at now: Int64) -> MarketPrices {
        let utilisation = MarketVotes.utilisation(votes)
        let factor = PriceFactor.step(from: factor, towards: PriceFactor.target(utilisation: utilisation))
        let hold = base == self.base && factor == self.factor && since > 0
        return MarketPrices(
            base: base, factor: factor, utilisation: utilisation ?? 0, since: hold ? since : now, steppedAt: now)
    }
}
