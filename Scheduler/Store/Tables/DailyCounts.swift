internal import Domain

extension Transaction {
    /// Counts one more of a day, unless the limit is reached; returns how many that makes, nil at the limit.
    func addDailyCount(_ quota: String, _ subject: String, day: Int64, limit: Int64) throws -> Int64? {
        try rows(
            """
            INSERT INTO daily_counts (quota, subject, day, used) SELECT \(quota), \(subject), \(day), 1
            WHERE \(limit) > 0
            ON CONFLICT (quota, subject, day) DO UPDATE SET used = daily_counts.used + 1
                WHERE daily_counts.used < \(limit)
            RETURNING used
            """
        ) { try $0.integer() }.first
    }

    func deleteDailyCounts(before day: Int64, limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM daily_counts WHERE (quota, subject, day) IN
                (SELECT quota, subject, day FROM daily_counts WHERE day < \(day) LIMIT \(limit))
            """)
    }
}

// MARK: More than one at once

extension Transaction {
    /// Counts some more of a day, unless that goes beyond the limit; false then. At least one.
    func addDailyCount(_ quota: DailyQuota, _ subject: String, day: Int64, count: Int64) throws -> Bool {
        guard count > 0, count <= quota.limit else { return false }
        return try execute(
            """
            INSERT INTO daily_counts (quota, subject, day, used) VALUES (\(quota.name), \(subject), \(day), \(count))
            ON CONFLICT (quota, subject, day) DO UPDATE SET used = daily_counts.used + \(count)
                WHERE daily_counts.used <= \(quota.limit - count)
            """) == 1
    }

    /// Changes what was counted of a day by a difference, whatever the limit is; what comes to nothing is forgotten.
    func correctDailyCount(_ quota: DailyQuota, _ subject: String, day: Int64, by difference: Int64) throws {
        let key: SQL = "quota = \(quota.name) AND subject = \(subject) AND day = \(day)"
        let isGone = try execute("DELETE FROM daily_counts WHERE \(sql: key) AND used <= \(-difference)") == 1
        guard !isGone else { return }
        try executeLater("UPDATE daily_counts SET used = used + \(difference) WHERE \(sql: key)")
    }

    /// How much is counted of a day.
    func dailyCount(_ quota: DailyQuota, _ subject: String, day: Int64) throws -> Int64 {
        try first(
            "SELECT used FROM daily_counts WHERE quota = \(quota.name) AND subject = \(subject) AND day = \(day)"
        ) { try $0.integer() } ?? 0
    }
}
