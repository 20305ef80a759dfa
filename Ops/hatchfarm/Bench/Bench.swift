internal import ArgumentParser
internal import Bytes
internal import Glibc

/// `hatchfarm bench`: what this machine does, measured from outside or on the engine alone.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures submits, claims and results: medians of several rounds.",
        discussion: """
            Starts a server of its own on a fresh database for each scenario, unless --server names one; \
            --engine leaves HTTP out and calls the engine in this process. Writes are durable as always.

            SCENARIOS
              submit               one job a request
              submit-batch         100 jobs a request
              claim-finish         claims of 100 and results in hundreds, over a backlog
              claim-finish-single  claims of 100, one result a request
              pickup               from a submit to the return of a waiting claim
              claim-depth          the cost of a claim at a backlog of 1,000 and --depth
              daemon               one-line jobs by one daemon in its sandbox, and what it costs at rest
              money                paid jobs: holds, claims, and results with their settlement
              all                  all but daemon and money

            EXAMPLES
              hatchfarm bench
              hatchfarm bench submit --database postgres://hatch@127.0.0.1/hatch
              hatchfarm bench claim-finish --engine --json
            """)

    @Argument(help: "What to measure.") var scenario = Scenario.all
    @Option(help: ArgumentHelp("Where a fresh database is made: sqlite:PATH (beside that file) or postgres://…"))
    var database = "sqlite:/var/tmp/hatchfarm"
    @Flag(help: "The engine alone, in this process, without HTTP.") var engine = false
    @Option(help: "Clients at once, 1–1024.") var connections = 32
    @Option(help: "Seconds a round, 1–3600.") var seconds = 5
    @Option(help: "Rounds, 1–100; medians are over them.") var rounds = 3
    @Option(help: "The backlog that claim-finish, money or a daemon drains.") var jobs: Int?
    @Option(help: "The large backlog of claim-depth.") var depth = 1_000_000
    @Flag(help: "JSON instead of a table.") var json = false
    @OptionGroup var client: ClientOptions

    func validate() throws {
        try Self.check(connections, 1...1_024, "--connections")
        try Self.check(seconds, 1...3_600, "--seconds")
        try Self.check(rounds, 1...100, "--rounds")
        try Self.check(jobs ?? 1, 1...10_000_000, "--jobs")
        try Self.check(depth, BenchSettings.smallDepth...10_000_000, "--depth")
        if scenario.ownsServer, engine || client.server != nil {
            throw ValidationError("\(scenario.rawValue) is measured with a server of its own.")
        }
        if engine, client.server != nil { throw ValidationError("--engine and --server exclude each other.") }
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be from \(range.lowerBound) to \(range.upperBound).")
        }
    }

    func run() async throws {
        let settings = BenchSettings(
            connections: connections, seconds: seconds, rounds: rounds, jobs: jobs, depth: depth)
        let probe = client.server == nil ? try await FreshDatabase.make(database) : nil
        let machine = MachineReport.read(
            database: try await probe?.version() ?? "the database of \(client.server ?? "")", folder: probe?.folder)
        await probe?.remove()
        let surface = scenario == .daemon ? "daemon" : engine ? "engine" : "http"
        var report = BenchReport(surface: surface, machine: machine, settings: settings)
        var status = StatusLine()
        if scenario == .daemon { try await measureDaemon(settings, into: &report, &status) }
        for scenario in scenario.each where scenario != .daemon {
            let site = try await open(scenario, settings)
            let stop = Interruption.before { site.abandon() }
            defer { stop() }
            do {
                try await measure(scenario, settings, on: site, into: &report) { round in
                    if !json { status.update("\(scenario.rawValue), round \(round) of \(rounds)") }
                }
            } catch {
                await site.close()
                throw error
            }
            await site.close()
        }
        if json {
            Output.line(report.json.text(.compact))
        } else {
            status.end()
            for line in report.lines { Output.line(line) }
        }
    }

    private func measureDaemon(
        _ settings: BenchSettings, into report: inout BenchReport, _ status: inout StatusLine
    ) async throws {
        let site = try await DaemonSite.open(FreshDatabase.make(database), settings)
        let stop = Interruption.before { site.abandon() }
        defer { stop() }
        do {
            for round in 1...settings.rounds {
                if !json { status.update("daemon, round \(round) of \(settings.rounds)") }
                report.add(try await site.round())
            }
        } catch {
            await site.close()
            throw error
        }
        await site.close()
    }

    private func open(_ scenario: Scenario, _ settings: BenchSettings) async throws -> any BenchSite {
        if scenario == .money { return try await MoneySite.open(FreshDatabase.make(database), settings) }
        if engine { return try await EngineLoad.open(FreshDatabase.make(database), settings) }
        if client.server != nil { return try await HTTPSite.open(client.credentials(), settings) }
        return try await HTTPSite.open(FreshDatabase.make(database), settings)
    }

    private func measure(
        _ scenario: Scenario, _ settings: BenchSettings, on site: any BenchSite, into report: inout BenchReport,
        _ tell: (Int) -> Void
    ) async throws {
        guard scenario == .claimDepth else {
            for round in 1...settings.rounds {
                tell(round)
                report.add(try await site.round(scenario))
            }
            return
        }
        var small: [Double] = []
        for depth in [BenchSettings.smallDepth, settings.depth] {
            try await site.fill(to: depth)
            for round in 1...settings.rounds {
                tell(round)
                let median = Ticks.milliseconds(Statistics.percentile(try await site.claimLatencies(), 0.5))
                let name = "claim at \(Text.grouped(depth))"
                report.add([Reading(name: name, unit: .milliseconds, value: median)])
                if depth == BenchSettings.smallDepth {
                    small.append(median)
                } else if small.indices.contains(round - 1), small[round - 1] > 0 {
                    report.add([Reading(name: "deep : shallow", unit: .ratio, value: median / small[round - 1])])
                }
            }
        }
    }
}

/// Something to measure: a server, or the engine in this process.
protocol BenchSite: Sendable {
    func round(_ scenario: Scenario) async throws -> [Reading]
    /// Submits until so many jobs are pending, counting what earlier calls submitted.
    func fill(to depth: Int) async throws
    /// Nanoseconds of single claims of `BenchSettings.depthClaim` jobs, the backlog staying the same.
    func claimLatencies() async throws -> [UInt64]
    /// Takes everything down again.
    func close() async
    /// The same in a hurry: the process is about to exit.
    func abandon()
}
