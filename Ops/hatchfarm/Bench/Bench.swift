internal import ArgumentParser
internal import Bytes
internal import Glibc

/// `hatchfarm bench`: measures a server over HTTP, or the engine alone.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the throughput and latency of submits, claims and results.",
        discussion: """
            Starts a separate server on a new database for each scenario, unless --server is given; --engine \
            calls the engine in this process, without HTTP. Writes are durable, as in production. Figures are \
            medians of several rounds.

            --floor also measures, before each round, what the same machine and database do at most: a plain \
            queue of one table without HTTP, and a static HTTP answer. Each figure is then also a ratio (the \
            median of the rounds' ratios). Paid results are held against unpaid ones, bytes written against \
            bytes kept.

            SCENARIOS
              submit               one job per request
              submit-batch         100 jobs per request
              claim-finish         claims and results in batches of 100, over a backlog
              claim-finish-single  claims in batches of 100, one result per request
              pickup               from a submit to the return of a waiting claim
              claim-depth          the cost of a claim at a backlog of 1,000 and --depth
              daemon               sandboxed one-line jobs on one daemon, and its idle cost
              money                paid jobs: holds, claims, and results with settlement
              bounties             tasks with escrow: posts, and claims with a deposit
              feeds                each list of bee:hack over --posts and --comments
              sockets              --sockets devices on sockets, heartbeats and commands
              inkling              signed posts of companion devices
              heartbeats           signed heartbeats of many machines
              writes               bytes written for a job, and kept (SQLite)
              all                  submit to claim-depth; with --floor: submit to pickup,
                                   heartbeats, money and writes

            EXAMPLES
              hatchfarm bench
              hatchfarm bench submit --database postgres://hatch@127.0.0.1/hatch
              hatchfarm bench claim-finish --engine --json
              hatchfarm bench --floor
            """)

    @Argument(help: "What to measure.") var scenario = Scenario.all
    @Option(help: "Where the new database is created: sqlite:PATH (beside that file) or postgres://…")
    var database = "sqlite:/var/tmp/hatchfarm"
    @Flag(help: "Measure the engine alone, in this process, without HTTP.") var engine = false
    @Flag(help: "Measure the raw limits of this machine and database too, and print ratios.") var floor = false
    @Option(help: "Concurrent clients, 1–1024.") var connections = 32
    @Option(help: "Seconds per round, 1–3600.") var seconds = 5
    @Option(help: "Number of rounds, 1–100.") var rounds = 3
    @Option(help: "The backlog of claim-finish, money, bounties, daemon and writes; the calls of the others.")
    var jobs: Int?
    @Option(help: "The large backlog of claim-depth.") var depth = 1_000_000
    @Option(help: "The posts of feeds.") var posts = 100_000
    @Option(help: "The comments of feeds.") var comments = 500_000
    @Option(help: "The devices of sockets.") var sockets = 5_000
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var client: ClientOptions

    func validate() throws {
        try Self.check(connections, 1...1_024, "--connections")
        try Self.check(seconds, 1...3_600, "--seconds")
        try Self.check(rounds, 1...100, "--rounds")
        try Self.check(jobs ?? 1, 1...10_000_000, "--jobs")
        try Self.check(depth, BenchSettings.smallDepth...10_000_000, "--depth")
        try Self.check(posts, 1_000...10_000_000, "--posts")
        try Self.check(comments, 1_000...50_000_000, "--comments")
        try Self.check(sockets, 1...100_000, "--sockets")
        if scenario.ownsServer, engine || client.server != nil {
            throw ValidationError("\(scenario.rawValue) always uses its own server.")
        }
        if engine, client.server != nil { throw ValidationError("--engine and --server can't be combined.") }
        if floor, client.server != nil {
            throw ValidationError("--floor needs the database: --floor and --server can't be combined.")
        }
        if floor, database == "sqlite::memory:" {
            throw ValidationError("--floor measures durable writes: use a file.")
        }
    }

    private static func check(_ value: Int, _ range: ClosedRange<Int>, _ name: String) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name) must be from \(range.lowerBound) to \(range.upperBound).")
        }
    }

    func run() async throws {
        let settings = BenchSettings(
            connections: connections, seconds: seconds, rounds: rounds, jobs: jobs, depth: depth, posts: posts,
            comments: comments, sockets: sockets,
            rawConnections: floor ? RawLimits.connections(to: database) : nil)
        let probe = client.server == nil ? try await TemporaryDatabase.make(database) : nil
        let machine = MachineReport.read(
            database: try await probe?.version() ?? "the database of \(client.server ?? "")", folder: probe?.folder)
        await probe?.remove()
        let surface = scenario == .daemon ? "daemon" : engine ? "engine" : "http"
        var report = BenchReport(surface: surface, machine: machine, settings: settings)
        var status = StatusLine()
        if scenario == .daemon { try await measureDaemon(settings, into: &report, &status) }
        let limits = floor ? RawLimits(database, settings) : nil
        for scenario in scenarios where scenario != .daemon {
            let target = try await open(scenario, settings)
            let stop = Interruption.handle {
                limits?.abort()
                target.abort()
            }
            defer { stop() }
            do {
                try await measure(scenario, settings, on: target, limits, into: &report) { round in
                    if !json { status.update("\(scenario.rawValue), round \(round) of \(rounds)") }
                }
            } catch {
                await target.close()
                throw error
            }
            await target.close()
        }
        if json {
            Output.line(report.json.text(.compact))
        } else {
            status.end()
            for line in report.lines { Output.line(line) }
        }
    }

    /// Those that are asked for; of `all` those that can be measured so.
    private var scenarios: [Scenario] {
        let all = scenario.expanded(withRawLimits: floor)
        guard scenario == .all else { return all }
        let isFile = database.hasPrefix("sqlite:") && database != "sqlite::memory:"
        return all.filter { (!engine || !$0.ownsServer) && (isFile || $0 != .writes) }
    }

    private func measureDaemon(
        _ settings: BenchSettings, into report: inout BenchReport, _ status: inout StatusLine
    ) async throws {
        let target = try await DaemonTarget.open(TemporaryDatabase.make(database), settings)
        let stop = Interruption.handle { target.abort() }
        defer { stop() }
        do {
            for round in 1...settings.rounds {
                if !json { status.update("daemon, round \(round) of \(settings.rounds)") }
                report.add(try await target.round())
            }
        } catch {
            await target.close()
            throw error
        }
        await target.close()
    }

    private func open(_ scenario: Scenario, _ settings: BenchSettings) async throws -> any BenchTarget {
        switch scenario {
        case .money: return try await MoneyTarget.open(TemporaryDatabase.make(database), settings)
        case .bounties: return try await BountyTarget.open(TemporaryDatabase.make(database), settings)
        case .sockets: return try await SocketTarget.open(TemporaryDatabase.make(database), settings)
        case .inkling: return try await InklingTarget.open(TemporaryDatabase.make(database), settings)
        case .heartbeats: return try await HeartbeatTarget.open(TemporaryDatabase.make(database), settings)
        case .writes: return try WritesTarget(database, settings)
        case .feeds: return try await FeedTarget.open(TemporaryDatabase.make(database), settings)
        default: break
        }
        if engine { return try await EngineLoad.open(TemporaryDatabase.make(database), settings) }
        if client.server != nil { return try await HTTPTarget.open(client.credentials(), settings) }
        return try await HTTPTarget.open(TemporaryDatabase.make(database), settings)
    }

    private func measure(
        _ scenario: Scenario, _ settings: BenchSettings, on target: any BenchTarget, _ limits: RawLimits?,
        into report: inout BenchReport, _ onRound: (Int) -> Void
    ) async throws {
        guard scenario == .claimDepth else {
            for round in 1...settings.rounds {
                onRound(round)
                let raw = try await limits?.round(scenario, withHTTP: !engine) ?? [:]
                report.add(try await target.round(scenario).map { $0.against(raw[$0.name]) })
            }
            return
        }
        var small: [Double] = []
        for depth in [BenchSettings.smallDepth, settings.depth] {
            try await target.fill(to: depth)
            for round in 1...settings.rounds {
                onRound(round)
                let median = Ticks.milliseconds(Statistics.percentile(try await target.claimLatencies(), 0.5))
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

/// A target of measurements: a server, or the engine in this process.
protocol BenchTarget: Sendable {
    func round(_ scenario: Scenario) async throws -> [Reading]
    /// Submits until this many jobs are pending, including those of earlier calls.
    func fill(to depth: Int) async throws
    /// Latencies in nanoseconds of single claims of `BenchSettings.depthClaim` jobs, at a constant backlog.
    func claimLatencies() async throws -> [UInt64]
    /// Shuts down and cleans up.
    func close() async
    /// Cleans up quickly: the process is about to exit.
    func abort()
}

/// What only claim-depth needs.
extension BenchTarget {
    func fill(to depth: Int) async throws {}
    func claimLatencies() async throws -> [UInt64] { [] }
}
