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
}
