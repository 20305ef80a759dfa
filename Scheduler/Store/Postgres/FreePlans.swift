extension Transaction {
    /// From here to the transaction's end, PostgreSQL plans by what it knows of the tables: for statements that read
    /// all of several, which are run after this alone. With the switches that keep look-ups look-ups
    /// (`PostgresLink.steadyPlans`) such tables are joined by comparing each row with each: the books of 20,000 owners
    /// took a minute instead of a tenth of a second. SQLite has no such switches.
    func planFreely() throws {
        guard sqlEngine == .postgres else { return }
        try execute(
            """
            SELECT set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true),
                set_config('enable_bitmapscan', 'on', true), set_config('enable_hashjoin', 'on', true),
                set_config('enable_mergejoin', 'on', true)
            """)
    }
}
