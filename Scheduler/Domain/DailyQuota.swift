/// So many of something in a day of UTC.
package struct DailyQuota: Sendable, Hashable {
    /// What is counted together.
    package let name: String
    package let limit: Int64

    package init(name: String, limit: Int64) {
        self.name = name
        self.limit = limit
    }

    static let dayMilliseconds: Int64 = 86_400_000

    /// The day's number since 1970.
    package static func day(of milliseconds: Int64) -> Int64 {
        let (day, rest) = milliseconds.quotientAndRemainder(dividingBy: dayMilliseconds)
        return rest < 0 ? day - 1 : day
    }
}

/// Where a caller stands with a limit that it is told about.
package struct QuotaStanding: Sendable, Hashable {
    package let limit: Int64
    /// After the call just made.
    package let remaining: Int64
    /// When all of it is there again, in milliseconds since 1970.
    package let resetsAt: Int64

    package init(limit: Int64, remaining: Int64, resetsAt: Int64) {
        self.limit = limit
        self.remaining = remaining
        self.resetsAt = resetsAt
    }

    /// - Parameters:
    ///   - used: of the day, the call just made among them.
    ///   - now: milliseconds since 1970.
    package init(_ quota: DailyQuota, used: Int64, at now: Int64) {
        self.init(
            limit: quota.limit, remaining: max(0, quota.limit - used),
            resetsAt: (DailyQuota.day(of: now) + 1) * DailyQuota.dayMilliseconds)
    }
}
