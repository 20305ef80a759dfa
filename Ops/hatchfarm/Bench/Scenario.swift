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
    case all

    /// Whether it needs its own server; those are not part of `all`.
    var ownsServer: Bool {
        switch self {
        case .daemon, .money, .bounties, .feeds, .sockets, .inkling: true
        case .submit, .submitBatch, .claimFinish, .claimFinishSingle, .pickup, .claimDepth, .all: false
        }
    }

    var expanded: [Scenario] {
        self == .all ? Scenario.allCases.filter { $0 != .all && !$0.ownsServer } : [self]
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

    static let batch = 100
    static let smallDepth = 1_000
    static let depthClaim = 10
    static let depthSamples = 500

    func backlog(_ scenario: Scenario) -> Int {
        let own = [
            .claimFinishSingle: 40_000, .daemon: 2_000, .money: 64_000, .bounties: 9_600, .inkling: 64_000,
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
    }

    let name: String
    let unit: Unit
    let value: Double

    static func rate(_ name: String, _ jobs: Int, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .perSecond, value: ticks == 0 ? 0 : Double(jobs) / Ticks.seconds(ticks))
    }

    static func calls(_ name: String, _ calls: Int, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .callsPerSecond, value: ticks == 0 ? 0 : Double(calls) / Ticks.seconds(ticks))
    }

    static func time(_ name: String, _ ticks: UInt64) -> Reading {
        Reading(name: name, unit: .milliseconds, value: Ticks.milliseconds(ticks))
    }

    /// Median and 99th percentile of a round's latencies.
    static func latencies(_ name: String, _ latencies: [UInt64]) -> [Reading] {
        [
            time("\(name) p50", Statistics.percentile(latencies, 0.5)),
            time("\(name) p99", Statistics.percentile(latencies, 0.99)),
        ]
    }
}
