/// Which steps of the schema the database has.
extension Transaction {
    /// The steps' names. Makes the table if it is not there.
    func appliedMigrations() throws -> [String] {
        try execute("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)")
        return try rows("SELECT name FROM schema_migrations ORDER BY name") { try $0.text() }
    }

    func recordMigration(_ name: String) throws {
        try execute("INSERT INTO schema_migrations (name, applied_at) VALUES (\(name), \(now))")
    }
}
