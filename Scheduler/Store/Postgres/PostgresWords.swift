extension String {
    /// All rows of arrays with these numbers.
    static func allRows(ofColumns numbers: String) -> String { "SELECT * FROM unnest(\(numbers))" }
}

/// What only PostgreSQL has words for.
extension Transaction {
    /// Keeps other processes from changing the schema until this transaction ends. Waits for them as long as it
    /// takes; but then for a table's lock only as long as its users can bear to queue behind this one.
    func lockSchema() throws {
        try execute("SET LOCAL lock_timeout = 0")
        try execute("SELECT pg_advisory_xact_lock(7235419286651)")
        try execute("SET LOCAL lock_timeout = '3s'")
    }

    /// How many processes listen, this one among them.
    func listeners() throws -> Int64 {
        try first(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = \(PostgresListener.name)
            """
        ) { try $0.integer() } ?? 0
    }

    func notify(_ channel: String, _ payload: String) throws {
        try execute("SELECT pg_notify(\(channel), \(payload))")
    }
}
