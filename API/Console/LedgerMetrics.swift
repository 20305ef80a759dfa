internal import Domain
package import Store

/// What operators watch of the books (CONTRACT 10): whether they hold together, and what stands in them.
package enum LedgerMetrics {
    package static func families(_ database: Database) async throws -> [MetricFamily] {
        let (findings, totals) = try await database.read { tx in
            (try tx.bookFindings(full: false), try tx.assetTotals())
        }
        var breaches = MetricFamily(
            .gauge, "hatchfarm_ledger_breaches", "What breaks a rule of the books, by rule: anything but 0 is an alarm."
        )
        for finding in findings { breaches.add(finding.breaches, ("check", finding.check)) }
        var money = MetricFamily(
            .gauge, "hatchfarm_ledger_minor_units", "Money of all members by asset and place, in minor units.")
        for total in totals {
            money.add(total.supply, ("asset", total.asset.rawValue), ("place", "supply"))
            money.add(total.available, ("asset", total.asset.rawValue), ("place", "available"))
            money.add(total.held, ("asset", total.asset.rawValue), ("place", "held"))
        }
        return [breaches, money]
    }
}
