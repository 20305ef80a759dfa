/// A statement that may do what no other may.
struct StatementHabit: Sendable {
    /// What its text begins with, white space made one blank.
    let text: String
    let reason: String

    init(_ text: String, _ reason: String) {
        self.text = text
        self.reason = reason
    }

    /// Those that walk a table that grows.
    static let walks = [
        StatementHabit("SELECT COUNT(*), MIN(example) FROM (", "`hatchfarm books` and its check look at all accounts"),
        StatementHabit(
            "SELECT asset, kind, CAST(SUM(balance) AS BIGINT) FROM ledger_accounts",
            "an operator's page of all accounts"),
        StatementHabit("WITH offered AS MATERIALIZED", "the market is all machines that offer, and what runs there"),
        StatementHabit(
            "SELECT machines.owner_id, milli_cores, memory_mib, gpus, labels, machines.isolation, has_capacity, "
                + "hourly_price, draining, max_job_minutes, policies.isolation, network, allowed_hours, timezone, "
                + "states_price, policies.id FROM machines LEFT JOIN policies",
            "what all live machines offer, at most every two seconds; an index of heartbeats would be written with "
                + "each of them"),
        StatementHabit(
            "DELETE FROM partial_uploads WHERE id IN (SELECT id FROM partial_uploads AS old",
            "the uploads under way, of which a lease has a few"),
        StatementHabit(
            "SELECT id, created_at FROM notifications ORDER BY id LIMIT", "the oldest rows, in the order of the table"),
    ]
}
