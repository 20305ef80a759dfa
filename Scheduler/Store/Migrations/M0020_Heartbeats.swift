extension Migration {
    /// What decides whether a heartbeat is an event (CONTRACT 5), and an index with which the consents of many
    /// heartbeats are looked up, however many policies a machine has consented to and revoked.
    static let heartbeats = Migration(name: "0020_heartbeats") { _ in
        [
            "ALTER TABLE machines ADD COLUMN heartbeat_policy_id \(.text)",
            "ALTER TABLE machines ADD COLUMN heartbeat_recorded_at BIGINT",
            "CREATE INDEX consents_standing ON consents (worker_id, policy_id) WHERE revoked_at IS NULL",
        ]
    }
}
