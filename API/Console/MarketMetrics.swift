package import Engine
internal import Domain
internal import Store

/// What operators watch of the market.
package enum MarketMetrics {
    /// As the last step of the prices saw it; read from the database at each call.
    package static func families(_ broker: JobBroker) async throws -> [MetricFamily] {
        let prices = try await broker.database.read { try $0.marketPrices() }
        var utilisation = MetricFamily(
            .gauge, "hatchfarm_market_utilisation_ratio", "Of the scarcer of the cores and memory that are offered.")
        utilisation.add(Double(prices.utilisation) / 1_000)
        var factor = MetricFamily(.gauge, "hatchfarm_market_price_factor_ratio", "Current prices by base prices.")
        factor.add(Double(prices.factor) / 1_000)
        var rates = MetricFamily(.gauge, "hatchfarm_market_price_usdt_per_hour", "Current prices, by what is lent.")
        let current = prices.current
        for (unit, price) in [("cpu_core", current.core), ("gb", current.gigabyte), ("gpu", current.gpu)] {
            rates.add(Double(price) / Double(Money.usdt), ("unit", unit))
        }
        return [utilisation, factor, rates]
    }
}
