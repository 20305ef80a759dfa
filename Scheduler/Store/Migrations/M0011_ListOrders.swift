extension Migration {
    /// Indexes that give a list in the order it is read: PostgreSQL, which is told not to sort, would walk a primary
    /// key from its end for it.
    static let listOrders = Migration(name: "0011_list_orders") { _ in
        [
            "DROP INDEX live_jobs_by_worker",
            "CREATE INDEX live_jobs_by_worker ON live_jobs (worker_id, id) WHERE state = 'running'",
            "DROP INDEX api_keys_by_member",
            "CREATE INDEX api_keys_by_member ON api_keys (member_id, id)",
        ]
    }
}
