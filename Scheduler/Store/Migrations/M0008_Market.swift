extension Migration {
    /// What machines ask, and the market's prices: one row, that of now. Thousandths, minor units of USDT an hour,
    /// milliseconds.
    static let market = Migration(name: "0008_market") { _ in
        [
            "ALTER TABLE machines ADD COLUMN states_price BIGINT NOT NULL DEFAULT 0 CHECK (states_price IN (0, 1))",
            "UPDATE machines SET states_price = 1 WHERE hourly_price > 0",
            """
            CREATE TABLE market_prices (
                id BIGINT PRIMARY KEY CHECK (id = 1),
                base_core BIGINT NOT NULL CHECK (base_core BETWEEN 0 AND 1000000000000),
                base_gigabyte BIGINT NOT NULL CHECK (base_gigabyte BETWEEN 0 AND 1000000000000),
                base_gpu BIGINT NOT NULL CHECK (base_gpu BETWEEN 0 AND 1000000000000),
                factor BIGINT NOT NULL CHECK (factor BETWEEN 500 AND 2000),
                utilisation BIGINT NOT NULL CHECK (utilisation BETWEEN 0 AND 1000),
                since BIGINT NOT NULL,
                stepped_at BIGINT NOT NULL)
            """,
            """
            INSERT INTO market_prices
                (id, base_core, base_gigabyte, base_gpu, factor, utilisation, since, stepped_at)
            VALUES (1, 20000, 4000, 400000, 1000, 0, 0, 0)
            """,
        ]
    }
}
