package import Domain

extension Transaction {
    /// Moves the market's prices one step, when it is time; whoever comes to it first does it for all. Other base
    /// prices than the last step's hold at once, without a step. Returns the prices that hold now.
    package func stepPrices(base: UnitPrices) throws -> MarketPrices {
        let seen = try marketPrices()
        var next = seen
        guard now >= seen.nextStep else {
            guard base != seen.base else { return seen }
            (next.base, next.since) = (base, now)
            return try replacePrices(seen, by: next) ? next : try marketPrices()
        }
        let votes = try marketVotes()
        next = seen.stepped(base: base, votes: votes.filter { $0.isValid(at: now) }.map(\.load), at: now)
        guard try replacePrices(seen, by: next) else { return try marketPrices() }
        try noteEarners(votes.filter(\.isEarning).map(\.owner))
        return next
    }
}
