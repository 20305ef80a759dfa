/// What only PostgreSQL has words for.
extension Transaction {
    /// Keeps other processes from changing the schema until this transaction ends. Waits for them as long as it
    /// takes; but then for a table's lock only as long as its users can bear to queue behind this one.
    func lockSchema() throws {
        try execute("SET LOCAL lock_timeout = 0")
        try execute("SELECT pg_advisory_xact_lock(7235419286651)")
        try execute("SET LOCAL lock_timeout = '3s'")
    }

    func notify(_ channel: String, _ payload: String) throws {
        try execute("SELECT pg_notify(\(channel), \(payload))")
    }
}
