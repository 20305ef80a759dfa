extension Migration {
    /// Money on its way out. While a withdrawal is open its amount is in the hold `withdrawal:ID`.
    static let withdrawals = Migration(name: "0009_withdrawals") { _ in
        [
            """
            CREATE TABLE withdrawals (
                id \(.text) PRIMARY KEY,
                owner_id \(.text) NOT NULL,
                asset \(.text) NOT NULL CHECK (asset = 'USDT'),
                amount BIGINT NOT NULL CHECK (amount BETWEEN 1 AND 1000000000000),
                address \(.text) NOT NULL,
                state \(.text) NOT NULL CHECK (state IN ('requested', 'approved', 'paid', 'rejected')),
                reason \(.text),
                txid \(.text),
                created_at BIGINT NOT NULL,
                updated_at BIGINT NOT NULL,
                CHECK ((state = 'rejected') = (reason IS NOT NULL)),
                CHECK ((state = 'paid') = (txid IS NOT NULL)))
            """,
            "CREATE INDEX withdrawals_by_owner ON withdrawals (owner_id, created_at, id)",
            "CREATE INDEX withdrawals_by_age ON withdrawals (created_at, id)",
            "CREATE INDEX withdrawals_by_state ON withdrawals (state, created_at, id)",
        ]
    }
}
