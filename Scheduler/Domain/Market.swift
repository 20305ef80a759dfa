/// How much of what live machines have is in use.
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

    /// The prices after a step: these, moved towards what the load asks for.
    package func stepped(base: UnitPrices, load: MarketLoad, at now: Int64) -> MarketPrices {
        let utilisation = load.utilisation
        let factor = PriceFactor.step(from: factor, towards: PriceFactor.target(utilisation: utilisation))
        let hold = base == self.base && factor == self.factor && since > 0
        return MarketPrices(
            base: base, factor: factor, utilisation: utilisation ?? 0, since: hold ? since : now, steppedAt: now)
    }
}
