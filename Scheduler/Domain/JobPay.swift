/// What an accepted result earns (CONTRACT 5): the time from the claim to the result by the server's clock, at the
/// price that was fixed at the claim, and never more than what is still held.
package enum JobPay {
    private static let hour: Int64 = 3_600_000

    /// Minor units, rounded down. Times that run backwards earn nothing.
    /// - Parameters:
    ///   - hourlyPrice: minor units an hour.
    ///   - held: what is left of the job's money.
    package static func earned(from claimedAt: Int64, to now: Int64, hourlyPrice: Int64, held: Int64) -> Int64 {
        let (time, overflow) = now.subtractingReportingOverflow(claimedAt)
        guard !overflow, time > 0, hourlyPrice > 0, held > 0 else { return 0 }
        let product = time.multipliedFullWidth(by: hourlyPrice)
        // The quotient fits when the upper half is less than the divisor.
        guard product.high < hour else { return held }
        return min(held, hour.dividingFullWidth(product).quotient)
    }

    /// Whether what is left of a job's money covers at least half of what a run may earn: of a run up to its limit at
    /// the price of the last attempt, and never of more than the job's whole price. So a first failure of seconds is
    /// tried again, and nobody's machine works on for nothing (decision 0015).
    /// - Parameters:
    ///   - left: minor units, of `price`.
    ///   - minutes: the run limit.
    package static func paysAnotherRun(left: Int64, of price: Int64, hourlyPrice: Int64, minutes: Int64) -> Bool {
        let (limit, overflow) = minutes.multipliedReportingOverflow(by: 60_000)
        let most = earned(from: 0, to: overflow ? .max : limit, hourlyPrice: hourlyPrice, held: price)
        return left > 0 && left >= most - most / 2
    }

    /// What an hour cost, from what an attempt earned that wasn't capped; minor units, rounded down.
    package static func hourlyPrice(paid: Int64, milliseconds: Int64) -> Int64 {
        guard milliseconds > 0 else { return 0 }
        let product = paid.multipliedFullWidth(by: hour)
        guard product.high < milliseconds else { return .max }
        return milliseconds.dividingFullWidth(product).quotient
    }
}
