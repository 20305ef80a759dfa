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
