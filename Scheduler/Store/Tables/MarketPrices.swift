internal import Domain

extension MarketPrices {
    static let columns: StaticString = """
        base_core, base_gigabyte, base_gpu, factor, utilisation, since, stepped_at
        """

    init(_ row: inout Row) throws {
        let base = try UnitPrices(core: row.integer(), gigabyte: row.integer(), gpu: row.integer())
        try self.init(
            base: base, factor: row.integer(), utilisation: row.integer(), since: row.integer(),
            steppedAt: row.integer())
    }
}

extension Transaction {
    /// Puts `prices` in the place of `seen`; false when somebody else was faster.
    func replacePrices(_ seen: MarketPrices, by prices: MarketPrices) throws -> Bool {
        let base = prices.base
        return try execute(
            """
            UPDATE market_prices SET base_core = \(base.core), base_gigabyte = \(base.gigabyte),
                base_gpu = \(base.gpu), factor = \(prices.factor), utilisation = \(prices.utilisation),
                since = \(prices.since), stepped_at = \(prices.steppedAt)
            WHERE id = 1 AND stepped_at = \(seen.steppedAt) AND factor = \(seen.factor) AND since = \(seen.since)
            """) == 1
    }

    /// Notes that machines of these owners do paid work for others now, and forgets those for which that is too long
    /// ago.
    func noteEarners(_ owners: [OwnerID]) throws {
        let earners = SQL.Rows("earners", ["owner_id", "earned_at"], of: owners.sorted()) { owner in
            [.text(owner.text), .integer(now)]
        }
        try executeLater(
            """
            INSERT INTO market_earners \(inserting: earners)
            ON CONFLICT (owner_id) DO UPDATE SET earned_at = excluded.earned_at
            """)
        try executeLater("DELETE FROM market_earners WHERE earned_at <= \(now - MarketVotes.window)")
    }
}
