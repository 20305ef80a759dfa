internal import Bytes
internal import Domain
internal import Store

/// What the farm has to lend, and for how much (CONTRACT 5).
enum Resources {
    static let routes: [Route] = [
        .get(
            "/resources", "listResources", "What live machines offer now, by class, the largest first.",
            tag: "Resources",
            query: [
                .init("limit", .integer(1...100), "How many, 50 when absent."),
                .init("cursor", .string(), "Where an earlier list ended. Machines come and go between two pages."),
            ],
            answers: [.ok(.list("resources", schema))], list),
        .get(
            "/resources/prices", "showPrices", "What an hour costs: base prices and, by utilisation, the current ones.",
            tag: "Resources", answers: [.ok(.data(prices))], showPrices),
    ]

    private static let amounts = Schema.object(
        .required("cpu_cores", .nullable(.number)), .required("memory_gb", .nullable(.number)),
        .required("gpu", .integer(0 ... .max)))

    private static let schema = Schema.named(
        "ResourceClass",
        .object(
            .required("machines", .integer(1 ... .max)), .required("each", amounts, "What one of them has."),
            .required("total", amounts), .required("free", amounts, "What no running job needs."),
            .required("labels", .array(.string(1...64), 0...64)),
            .required("isolation", .nullable(.choice(Isolation.self))),
            .required(
                "price_usdt_per_hour", .nullable(.string()), "The lowest that one of them states; null: none does."),
            .required("at_market_price", .integer(0 ... .max), "How many ask the market's price.")))

    private static let unitPrices = Schema.named(
        "UnitPrices",
        .object(
            .required("cpu_core_hour", .string()), .required("gb_hour", .string()), .required("gpu_hour", .string())))

    private static let prices = Schema.object(
        .required("base", unitPrices, "USDT, decimals."), .required("current", unitPrices, "Base × factor."),
        .required("utilisation", .string(), "0–1, of the scarcer of cores and memory."),
        .required("factor", .string(), "0.5–2; 1 at a utilisation of one half."),
        .required("since", .instant, "The time the current prices hold from."),
        .required("next_change", .instant, "They hold at least until then."))

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let page = try call.page()
        let offset = try page.after.map(place) ?? 0
        let classes = try await call.dependencies.database.read { tx in
            try tx.resourceClasses(offset: offset, limit: page.limit + 1)
        }
        let numbered = zip((offset + 1)..., classes).map { (place: $0, class: $1) }
        return .list(
            "resources", numbered, limit: page.limit, cursor: { "\($0.place)" }, write: { write($0.class, to: &$1) })
    }

    /// The cursor is a place in the list: classes have no names, and are other ones a minute later.
    private static func place(_ cursor: String) throws(FieldError) -> Int64 {
        guard let place = Int64(cursor), (1...1_000_000).contains(place) else {
            throw FieldError("cursor", .invalid("is not one that a list gave"))
        }
        return place
    }

    static func showPrices(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let prices = try await call.dependencies.database.read { try $0.marketPrices() }
        return .data([
            "base": json(prices.base), "current": json(prices.current),
            "utilisation": .string(Money.decimal(prices.utilisation, decimals: 3)),
            "factor": .string(Money.decimal(prices.factor, decimals: 3)),
            "since": .string(RFC3339.format(prices.since)),
            "next_change": .string(RFC3339.format(prices.nextStep)),
        ])
    }

    private static func json(_ prices: UnitPrices) -> JSON {
        [
            "cpu_core_hour": .string(Money.decimal(prices.core)), "gb_hour": .string(Money.decimal(prices.gigabyte)),
            "gpu_hour": .string(Money.decimal(prices.gpu)),
        ]
    }

    private static func write(_ resources: ResourceClass, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("machines", resources.machines)
        writer.field("each", amounts(of: resources.each))
        writer.field("total", amounts(of: resources.total))
        writer.field("free", amounts(of: resources.free))
        writer.field("labels", .array(resources.each.labels.map(JSON.string)))
        writer.field("isolation", resources.each.isolation?.rawValue)
        writer.field("price_usdt_per_hour", resources.lowestPrice.map { Money.decimal($0) })
        writer.field("at_market_price", resources.atMarketPrice)
        writer.endObject()
    }

    private static func amounts(of capacity: Capacity) -> JSON {
        [
            "cpu_cores": capacity.milliCores.map { .decimal(thousandths: $0) } ?? .null,
            "memory_gb": capacity.memoryMiB.map(Capacity.gigabytes) ?? .null, "gpu": JSON(capacity.gpus),
        ]
    }
}
