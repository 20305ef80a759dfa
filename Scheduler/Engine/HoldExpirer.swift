package import Store

/// Gives back what holds whose time is over still hold.
package struct HoldExpirer: Ticking {
    package static let topic = "hold_expirer"
    private static let limit = 500
    private let database: Database
    private let aside: SetAside

    package init(_ database: Database, aside: SetAside = SetAside(HoldExpirer.topic)) {
        self.database = database
        self.aside = aside
    }

    package func round() async throws -> Duration {
        let counts = try await aside.settle("hold", upTo: Self.limit, in: database) { try $0.expireHolds($1) }
        return counts.last ?? 0 >= Self.limit ? .milliseconds(5) : .seconds(5)
    }
}
