package import Domain

extension Transaction {
    /// Moves the market's prices one step, when it is time; whoever comes to it first does it for all. Other base
    /// prices than the last step's hold at once, without a step. Returns the prices that hold now.
    package func stepPrices(base: UnitPrices) throws -> MarketPrices {
        let seen = try marketPrices()
        var next = seen
        if now >= seen.nextStep {
            next = seen.stepped(base: base, load: try marketLoad(), at: now)
        } else if base != seen.base {
            (next.base, next.since) = (base, now)
        } else {
            return seen
        }
        return try replacePrices(seen, by: next) ? next : try marketPrices()
    }
}
