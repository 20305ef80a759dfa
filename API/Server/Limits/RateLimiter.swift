internal import Synchronization

/// A bucket for each key, kept as one instant (GCRA): exact, without a window's edge.
final class RateLimiter: Sendable {
    private let arrivals = Mutex<[String: Int64]>([:])
    /// Nanoseconds that one call costs; 0 is no limit.
    private let cost: Int64
    /// How far the bucket may run ahead of the clock.
    private let tolerance: Int64
    private let capacity: Int
    private let clock: @Sendable () -> Int64

    /// - Parameters:
    ///   - capacity: keys remembered; beyond it those with a full bucket are forgotten, then all.
    ///   - clock: milliseconds, never going back.
    init(_ rate: Rate, capacity: Int = 100_000, clock: @escaping @Sendable () -> Int64) {
        cost = rate.perSecond > 0 ? max(1, 1_000_000_000 / Int64(rate.perSecond)) : 0
        tolerance = cost.multipliedReportingOverflow(by: Int64(max(0, rate.burst - 1))).partialValue
        self.capacity = capacity
        self.clock = clock
    }

    /// Takes one from the bucket. When it is empty: the seconds, at least 1, until there is one again.
    func take(_ key: String) -> Int? {
        guard cost > 0 else { return nil }
        let now = clock() &* 1_000_000
        return arrivals.withLock { arrivals in
            let arrival = max(arrivals[key] ?? now, now)
            let early = arrival - now - tolerance
            guard early <= 0 else { return Self.seconds(early) }
            if arrivals.count >= capacity { makeRoom(&arrivals, now) }
            arrivals[key] = arrival + cost
            return nil
        }
    }

    /// As `take`, but takes nothing.
    func wait(_ key: String) -> Int? {
        guard cost > 0 else { return nil }
        let now = clock() &* 1_000_000
        let early = arrivals.withLock { max($0[key] ?? now, now) } - now - tolerance
        return early > 0 ? Self.seconds(early) : nil
    }

    private static func seconds(_ nanoseconds: Int64) -> Int {
        Int(max(1, (nanoseconds + 999_999_999) / 1_000_000_000))
    }

    private func makeRoom(_ arrivals: inout [String: Int64], _ now: Int64) {
        arrivals = arrivals.filter { $0.value > now }
        if arrivals.count >= capacity { arrivals.removeAll(keepingCapacity: true) }
    }
}
