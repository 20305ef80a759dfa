/// How long a job rests before its next attempt: exponential, with jitter so that a crowd doesn't return at once.
package struct Backoff: Sendable, Hashable {
    /// Milliseconds before the second attempt, 0–86,400,000.
    package var initial: Int64
    /// In thousandths, 1,000–10,000: each further attempt waits this many times longer.
    package var factor: Int64
    /// The longest wait in milliseconds, 0–86,400,000.
    package var max: Int64

    package static let standard = Backoff(initial: 1_000, factor: 2_000, max: 300_000)

    package init(initial: Int64, factor: Int64, max: Int64) {
        self.initial = initial
        self.factor = factor
        self.max = max
    }

    /// The wait after `attempts` failed ones, in milliseconds: between half of the full wait and all of it.
    package func delay(after attempts: Int64, using generator: inout some RandomNumberGenerator) -> Int64 {
        var wait = min(initial, max)
        var left = Swift.max(0, attempts - 1)
        while left > 0, wait < max, wait > 0 {
            let (product, overflow) = wait.multipliedReportingOverflow(by: factor)
            wait = overflow ? max : min(max, product / 1_000)
            left -= 1
            if factor <= 1_000 { break }
        }
        return wait <= 1 ? wait : Int64.random(in: (wait / 2)...wait, using: &generator)
    }
}
