/// Which steps of the schema the database has.
extension Transaction {
    /// The steps' names. Makes the table if it is not there.
    func appliedMigrations() throws -> [String] {
        try execute("CREATE TABLE IF NOT EXISTS schema_migrations (name TEXT PRIMARY KEY, applied_at BIGINT NOT NULL)")
        return try namesOfMigrations()
    }

    func namesOfMigrations() throws -> [String] {
        try rows("SELECT name FROM schema_migrations ORDER BY name") { try $0.text() }
    }

    /// Whether the table is there.
    func hasMigrations() throws -> Bool {
        let found =
            switch sqlEngine {
            case .sqlite:
                try rows("SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'schema_migrations'") {
                    try $0.text()
                }
            case .postgres:
                try rows(
                    """
                    SELECT tablename::text FROM pg_catalog.pg_tables
                    WHERE tablename = 'schema_migrations' AND schemaname = ANY (current_schemas(false))
                    """
                ) { try $0.text() }
            }
        return !found.isEmpty
    }

    func recordMigration(_ name: String) throws {
        try execute("INSERT INTO schema_migrations (name, applied_at) VALUES (\(name), \(now))")
    }
}
