internal import ArgumentParser

/// What is measured.
enum Scenario: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// One job per request.
    case submit
    /// A hundred jobs per request.
    case submitBatch = "submit-batch"
    /// Claims and results in batches of a hundred, until a backlog is empty.
    case claimFinish = "claim-finish"
    /// Claims in batches of a hundred, one result per request.
    case claimFinishSingle = "claim-finish-single"
    /// From a submit to the return of a waiting claim, on an idle server.
    case pickup
    /// The cost of a claim of ten jobs at a small and at a large backlog.
    case claimDepth = "claim-depth"
    /// A complete daemon with its sandbox, and a complete server.
    case daemon
    /// Paid jobs, settled in the commit that accepts their result.
    case money
    /// Tasks with escrow, posted and claimed.
    case bounties
    /// Every list of bee:hack over a large forum.
    case feeds
    /// Many devices on sockets, heartbeats over HTTP, and commands.
    case sockets
    /// Signed posts of companion devices.
    case inkling
    /// Signed heartbeats of many machines.
    case heartbeats
    /// The bytes written for a job on SQLite, and those kept.
    case writes
    case all

    /// Whether it needs its own server; those are not part of `all`.
    var ownsServer: Bool {
        switch self {
        case .daemon, .money, .bounties, .feeds, .sockets, .inkling, .heartbeats, .writes: true
        case .submit, .submitBatch, .claimFinish, .claimFinishSingle, .pickup, .claimDepth, .all: false
        }
    }

    /// What `all` measures: what needs no server of its own; with the raw limits, what has a ratio or a bound.
    func expanded(withRawLimits: Bool) -> [Scenario] {
        guard self == .all else { return [self] }
        if withRawLimits {
            return [
                .submit, .submitBatch, .claimFinish, .claimFinishSingle, .heartbeats, .pickup, .money, .writes,
            ]
        }
        return Scenario.allCases.filter { $0 != .all && !$0.ownsServer }
    }
}

/// How it is measured.
struct BenchSettings: Sendable {
    var connections = 32
    var seconds = 5
    var rounds = 3
    /// The backlog; nil: the scenario's default.
    var jobs: Int?
    /// The large backlog of claim-depth.
    var depth = 1_000_000
    /// The posts and comments of feeds.
    var posts = 100_000
    var comments = 500_000
    /// The devices of sockets.
    var sockets = 5_000
    /// How many connections the raw limits are measured by; nil: they aren't.
    var rawConnections: Int?

    static let batch = 100
    static let smallDepth = 1_000
    static let depthClaim = 10
    static let depthSamples = 500

    func backlog(_ scenario: Scenario) -> Int {
        let own = [
            .claimFinishSingle: 40_000, .daemon: 2_000, .money: 64_000, .bounties: 9_600, .inkling: 64_000,
            .heartbeats: 32_000,
        ][scenario]
        return jobs ?? own ?? 100_000
    }
}

/// One figure of one round.
struct Reading: Sendable {
    enum Unit: String, Sendable {
        case perSecond = "jobs/s"
        case callsPerSecond = "calls/s"
        case milliseconds = "ms"
        case ratio = "×"
        case percent = "%"
        case megabytes = "MB"
        case microseconds = "µs"
        case bytes = "bytes"
    }

    let name: String
    let unit: Unit
    let value: Double
    /// What it is held against: a raw limit, or the same work without what is measured.
    var base: Double?

    /// The same, held against a raw limit if there is one.
    func against(_ limit: Double?) -> Reading {
        var reading = self
        reading.base = limit ?? base
        return reading
    }

    static func rate(_ name: String, _ jobs: Int, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .perSecond, value: ticks == 0 ? 0 : Double(jobs) / Ticks.seconds(ticks))
    }

    static func calls(_ name: String, _ calls: Int, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .callsPerSecond, value: ticks == 0 ? 0 : Double(calls) / Ticks.seconds(ticks))
    }

    static func time(_ name: String, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .milliseconds, value: Ticks.milliseconds(ticks))
    }

    /// The server's processor time for each of `count` jobs or calls.
    static func processor(_ name: String, _ seconds: Double, _ count: Int) -> Reading {
        Reading(name: "\(name), server CPU", unit: .microseconds, value: seconds * 1e6 / Double(max(1, count)))
    }

    /// Median and 99th percentile of a round's latencies.
    static func latencies(_ name: String, _ latencies: [UInt64]) -> [Reading] {
        [
            time("\(name) p50", Statistics.percentile(latencies, 0.5)),
            time("\(name) p99", Statistics.percentile(latencies, 0.99)),
        ]
    }
}
