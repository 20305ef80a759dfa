extension Migration {
    /// Indexes that begin with another column than the id serve only statements that name that column. Without the
    /// condition PostgreSQL, planning a look-up by ids while a table is empty, now and then takes one of them, and
    /// walks it whole for each id once the table has grown.
    static let indexLeads = Migration(name: "0021_index_leads") { _ in
        [
            "DROP INDEX live_jobs_by_owner",
            "CREATE INDEX live_jobs_by_owner ON live_jobs (owner_id, id) WHERE owner_id IS NOT NULL",
            "DROP INDEX ended_jobs_by_owner",
            "CREATE INDEX ended_jobs_by_owner ON ended_jobs (owner_id, state, id) WHERE owner_id IS NOT NULL",
            "DROP INDEX machines_by_owner",
            "CREATE INDEX machines_by_owner ON machines (owner_id, id) WHERE owner_id IS NOT NULL",
            "DROP INDEX devices_by_customer",
            "CREATE INDEX devices_by_customer ON devices (customer_id, id) WHERE customer_id IS NOT NULL",
            "DROP INDEX device_presence_by_customer",
            """
            CREATE INDEX device_presence_by_customer ON device_presence (customer_id, is_online, device_id)
                WHERE customer_id IS NOT NULL
            """,
            // For the pruner.
            "CREATE INDEX cancel_notices_by_end ON cancel_notices (expires_at)",
        ]
    }
}
