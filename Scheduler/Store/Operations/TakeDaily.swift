package import Domain

extension Transaction {
    /// Counts a call against the subject's limit of the day; the count goes with the transaction.
    ///
    /// Throws `Refusal.limitReached`.
    package func takeDaily(_ quota: DailyQuota, by subject: String) throws -> QuotaStanding {
        let used = try addDailyCount(quota.name, subject, day: DailyQuota.day(of: now), limit: quota.limit)
        guard let used else { throw Refusal.limitReached(QuotaStanding(quota, used: quota.limit, at: now)) }
        return QuotaStanding(quota, used: used, at: now)
    }
}
