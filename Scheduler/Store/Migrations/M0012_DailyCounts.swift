extension Migration {
    /// What callers have used of limits by the day of UTC.
    static let dailyCounts = Migration(name: "0012_daily_counts") { _ in
        [
            """
            CREATE TABLE daily_counts (
                quota \(.text) NOT NULL,
                subject \(.text) NOT NULL,
                day BIGINT NOT NULL,
                used BIGINT NOT NULL CHECK (used > 0),
                PRIMARY KEY (quota, subject, day))
            """,
            "CREATE INDEX daily_counts_by_day ON daily_counts (day)",
        ]
    }
}
