internal import ArgumentParser
internal import Bytes

/// `hatchfarm resources …`
struct ResourcesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resources",
        abstract: "Shows the resources on offer, and their prices.",
        discussion: """
            EXAMPLES
              hatchfarm resources
              hatchfarm resources prices

            \(ClientOptions.help)

            \(Failure.exitCodes)
            """,
        subcommands: [Offers.self, Prices.self], defaultSubcommand: Offers.self)
}

extension ResourcesCommand {
    struct Offers: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "Lists what live machines offer now, by class, largest first.",
            discussion: "EXAMPLE\n  hatchfarm resources list --limit 10")

        @Option(help: "Maximum number of classes, 1–100.") var limit = 50
        @Option(help: "Continue after an earlier list: its cursor.") var cursor: String?
        @OptionGroup var options: JobOptions

        func run() async throws {
            let reply = try await options.open().get(
                "/api/v1/resources", [("limit", "\(limit)"), ("cursor", cursor)])
            if options.json { return Output.line(reply.text(.compact)) }
            for line in ResourcesText.offers(reply["data"] ?? .null) { Output.line(line) }
        }
    }

    struct Prices: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the market prices: base and current.",
            discussion: "EXAMPLE\n  hatchfarm resources prices --json")

        @OptionGroup var options: JobOptions

        func run() async throws {
            let reply = try await options.open().get("/api/v1/resources/prices")
            if options.json { return Output.line(reply.text(.compact)) }
            for line in ResourcesText.prices(reply["data"] ?? .null) { Output.line(line) }
        }
    }
}

/// The market, as text for people.
enum ResourcesText {
    static func offers(_ data: JSON) -> [String] {
        let classes = data["resources"]?.array ?? []
        guard !classes.isEmpty else { return ["no machine offers resources at the moment"] }
        var table = Table("MACHINES", "CORES FREE", "GB FREE", "GPUS FREE", "ISOLATION", "USDT/HOUR", "LABELS")
        for item in classes {
            let labels = (item["labels"]?.array ?? []).compactMap(\.string).joined(separator: " ")
            table.row(
                scalar(item["machines"]), share(item, "cpu_cores"), share(item, "memory_gb"), share(item, "gpu"),
                item["isolation"]?.string ?? "-", price(item), Output.sanitized(labels))
        }
        let more = data["next_cursor"]?.string.map { ["more: --cursor \($0)"] } ?? []
        return table.lines + more
    }

    static func prices(_ data: JSON) -> [String] {
        var table = Table("USDT", "BASE", "NOW")
        for (name, label) in [("cpu_core_hour", "core-hour"), ("gb_hour", "GB-hour"), ("gpu_hour", "GPU-hour")] {
            table.row(label, scalar(data["base"]?[name]), scalar(data["current"]?[name]))
        }
        let since = JobText.age(data["since"])
        return table.lines + [
            "× \(scalar(data["factor"])) at a utilisation of \(scalar(data["utilisation"])), since \(since)"
        ]
    }

    /// `3 of 4`
    private static func share(_ item: JSON, _ name: String) -> String {
        guard let total = item["total"]?[name], !total.isNull else { return "-" }
        return "\(scalar(item["free"]?[name])) of \(scalar(total))"
    }

    /// `0.2`, `market`, or both if machines of one class differ.
    private static func price(_ item: JSON) -> String {
        let lowest = item["price_usdt_per_hour"]?.string.map { ["from \(Output.sanitized($0))"] } ?? []
        return (lowest + (item["at_market_price"]?.int ?? 0 > 0 ? ["market"] : [])).joined(separator: ", ")
    }

    private static func scalar(_ value: JSON?) -> String {
        guard let value, !value.isNull else { return "-" }
        return Output.sanitized(value.string ?? value.text(.compact))
    }
}
