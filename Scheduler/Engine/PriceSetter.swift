package import Domain
package import Store

/// Lets the market's prices follow utilisation. Several may run side by side: each step is taken once, by whoever
/// comes to it first.
package struct PriceSetter: Ticking {
    package static let topic = "price_setter"
    private let database: Database
    private let base: UnitPrices

    /// - Parameter base: the same for all processes of a farm; where they differ, whoever comes last decides.
    package init(_ database: Database, base: UnitPrices) {
        self.database = database
        self.base = base
    }

    package func round() async throws -> Duration {
        let (next, now) = try await database.write { tx in (try tx.stepPrices(base: base).nextStep, tx.now) }
        return .milliseconds(min(max(next - now, 1_000), MarketPrices.pause))
    }
}
