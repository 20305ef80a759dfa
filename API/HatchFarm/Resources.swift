internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What the farm has to lend, and for how much (CONTRACT 5).
enum Resources {
    static let routes = [
        Route(
            .get, "/resources", "listResources", "What live machines offer now, by class, the largest first.",
            resources, list),
        Route(
            .get, "/resources/prices", "showPrices",
            "What an hour costs: base prices and, by utilisation, the current ones.", .ok(prices), showPrices),
    ].tagged("Resources")

    private static let amounts = Shape<Capacity> {
        field("cpu_cores", .nullable(.cores)) { $0.milliCores }
        field("memory_gb", .nullable(.gigabytes)) { $0.memoryMiB }
        field("gpu", .integer(0...Int64.max)) { $0.gpus }
    }

    private static let resourceClass = Shape<ResourceClass>("ResourceClass") {
        field("machines", .integer(1...Int64.max)) { $0.machines }
        field("each", amounts, "What one of them has.") { $0.each }
        field("total", amounts) { $0.total }
        field("free", amounts, "What no running job needs.") { $0.free }
        field("labels", .array(.label, 0...64)) { $0.each.labels }
        field("isolation", .nullable(.choice)) { $0.each.isolation }
        field("price_usdt_per_hour", .nullable(.decimal()), "The lowest that one of them states; null: none does.") {
            $0.lowestPrice
        }
        field("at_market_price", .integer(0...Int64.max), "How many ask the market's price.") { $0.atMarketPrice }
    }

    /// The cursor is a place in the list: classes have no names, and are other ones a minute later.
    private static let resources = PagedList<ResourceClass, Int64>(
        "resources", of: resourceClass,
        by: Cursor {
            String($0)
        } place: { text in
            Int64(text).flatMap { (1...1_000_000).contains($0) ? $0 : nil }
        }
    ) { _ in 0 }

    private static let unitPrices = Shape<UnitPrices>("UnitPrices") {
        field("cpu_core_hour", .decimal()) { $0.core }
        field("gb_hour", .decimal()) { $0.gigabyte }
        field("gpu_hour", .decimal()) { $0.gpu }
    }

    private static let prices = Shape<MarketPrices> {
        field("base", unitPrices, "USDT, decimals.") { $0.base }
        field("current", unitPrices, "Base × factor.") { $0.current }
        field("utilisation", .decimal(3), "0–1, of the scarcer of cores and memory.") { $0.utilisation }
        field("factor", .decimal(3), "0.5–2; 1 at a utilisation of one half.") { $0.factor }
        field("since", .instant, "The time the current prices hold from.") { $0.since }
        field("next_change", .instant, "They hold at least until then.") { $0.nextStep }
    }

    static func list(
        _ call: Call, _ member: MemberContext, _ page: Page<Int64>
    ) async throws -> CutPage<ResourceClass> {
        let offset = page.after ?? 0
        let classes = try await call.database.read { tx in
            try tx.resourceClasses(offset: offset, limit: page.wanted)
        }
        let shown = Array(classes.prefix(page.limit))
        return resources.page(shown, next: classes.count > shown.count ? offset + Int64(shown.count) : nil)
    }

    static func showPrices(_ call: Call, _ member: MemberContext) async throws -> MarketPrices {
        try await call.database.read { try $0.marketPrices() }
    }
}
