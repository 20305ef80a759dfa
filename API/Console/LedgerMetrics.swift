package import Bytes
internal import Domain
package import Store

/// What operators watch of the books (CONTRACT 10): whether they hold together, and what stands in them. They are
/// looked at in the background, once a minute and for at most a hundredth of the time: every account is read.
package struct LedgerMetrics: Sendable {
    private static let freshMilliseconds: Int64 = 60_000
    private static let rest: Int64 = 100

    private let books: Cached<Result<[MetricFamily], any Error>>

    package init(_ database: Database, world: World) {
        books = Cached(milliseconds: Self.freshMilliseconds, rest: Self.rest, clock: world.monotonic) {
            do { return .success(try await Self.read(database)) } catch { return .failure(error) }
        }
    }

    package func families() async throws -> [MetricFamily] { try await books.value.get() }

    private static func read(_ database: Database) async throws -> [MetricFamily] {
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
