import Bytes

extension Lab {
    /// Runs statements in one transaction on PostgreSQL, from outside of everything, and keeps what they lock for so
    /// long. Returns once they are done; the task ends with the transaction.
    package func hold(_ statements: String, for duration: Duration) async throws -> Task<Void, Never> {
        let url = url
        let mark = "held \(Hex.encode(World.live.random(8)))"
        let seconds = Double(duration.milliseconds) / 1_000
        let text = "BEGIN; \(statements); SELECT pg_sleep(\(seconds)) /* \(mark) */; ROLLBACK"
        let task = Task { _ = try? await TestDatabase.psql(url, text) }
        try await eventually("the locks are held") {
            try await TestDatabase.psql(
                url,
                """
                SELECT 'held' FROM pg_stat_activity WHERE query LIKE '%/* \(mark) */%' AND wait_event = 'PgSleep'
                    AND datname = current_database()
                """
            ).contains("held")
        }
        return task
    }
}
