/// What an hour costs: of one core, of one GB (10⁹ bytes) of memory, of one GPU. Minor units of USDT, 0…10¹².
package struct UnitPrices: Sendable, Hashable {
    package var core: Int64
    package var gigabyte: Int64
    package var gpu: Int64

    package init(core: Int64, gigabyte: Int64, gpu: Int64) {
        self.core = core
        self.gigabyte = gigabyte
        self.gpu = gpu
    }

    /// 0.02, 0.004 and 0.40 USDT.
    package static let standard = UnitPrices(core: 20_000, gigabyte: 4_000, gpu: 400_000)

    /// These prices at a factor in thousandths, rounded down.
    package func times(thousandths factor: Int64) -> UnitPrices {
        UnitPrices(
            core: Self.part(core, factor, per: 1_000), gigabyte: Self.part(gigabyte, factor, per: 1_000),
            gpu: Self.part(gpu, factor, per: 1_000))
    }

    /// What such a job costs by the hour. One that states no cores is charged for one, no memory for one GB; memory is
    /// charged to the hundredth of a GB, which is what was asked before it was rounded to MiB.
    package func rate(of need: Requirement) -> Int64 {
        let milliCores = need.milliCores > 0 ? need.milliCores : 1_000
        let centiGigabytes = need.memoryMiB > 0 ? Self.centiGigabytes(need.memoryMiB) : 100
        let parts = [
            Self.part(core, milliCores, per: 1_000), Self.part(gigabyte, centiGigabytes, per: 100),
            Self.part(gpu, need.gpus, per: 1),
        ]
        return min(Money.maxMinorUnits, parts.reduce(0, +))
    }

    /// Memory in hundredths of a GB (10⁹ bytes), rounded; of no more than 2⁶³ bytes.
    package static func centiGigabytes(_ memoryMiB: Int64) -> Int64 {
        let (bytes, overflow) = memoryMiB.multipliedReportingOverflow(by: 1_048_576)
        return (overflow ? .max : bytes) / 10_000_000 + (overflow || bytes % 10_000_000 < 5_000_000 ? 0 : 1)
    }

    /// `price` × `amount` / `divisor`, rounded down, at most 10¹²; what is negative counts as nothing.
    private static func part(_ price: Int64, _ amount: Int64, per divisor: UInt64) -> Int64 {
        let product = UInt64(max(0, price)).multipliedFullWidth(by: UInt64(max(0, amount)))
        guard product.high < divisor else { return Money.maxMinorUnits }
        return Int64(min(UInt64(Money.maxMinorUnits), divisor.dividingFullWidth(product).quotient))
    }
}

/// What a machine asks for a job.
package enum Asking: Sendable, Hashable {
    /// So much an hour, whatever the job's size: minor units of USDT.
    case stated(Int64)
    /// What the market asks for what the job needs.
    case market(UnitPrices)

    /// By the hour, minor units of USDT. The market takes a job that offers nothing for nothing; only the time of
    /// compute jobs is sold.
    package func rate(of need: Requirement) -> Int64 {
        guard need.kind == .compute else { return 0 }
        return switch self {
        case .stated(let price): price
        case .market(let prices): need.maxHourlyPrice == 0 ? 0 : prices.rate(of: need)
        }
    }
}

extension Requirement {
    /// An hourly price rounded down to its first two digits: as classes keep what their jobs can pay, so that nearly
    /// equal prices share a class. What is asked is compared just so: who offers exactly as much is never refused, and
    /// what a job has to pay stays within what is held for it, whatever its machine asks.
    package static func coarse(_ hourlyPrice: Int64) -> Int64 {
        hourlyPrice - hourlyPrice % coarseness(of: hourlyPrice)
    }

    /// The most that a machine may ask of such a job by the hour; nil when any price will do.
    package var dearest: Int64? {
        maxHourlyPrice.map { most in
            let (sum, overflow) = Self.coarse(most).addingReportingOverflow(Self.coarseness(of: most) - 1)
            return overflow ? .max : sum
        }
    }

    /// Whether a job of this class takes what asks so much an hour.
    package func affords(_ hourlyPrice: Int64) -> Bool { hourlyPrice <= dearest ?? .max }

    /// What the second digit of a price counts, at least one.
    private static func coarseness(of price: Int64) -> Int64 {
        var scale: Int64 = 1
        var digits = price
        while digits >= 100 {
            digits /= 10
            scale *= 10
        }
        return scale
    }
}
