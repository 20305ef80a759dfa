internal import Glibc
internal import Synchronization

/// Runs the scenarios over HTTP: each client is a thread with a blocking connection.
struct HTTPLoad: Sendable {
    let settings: BenchSettings
    /// One per connection.
    let clients: [BenchClient]
    let requests: Requests
    /// Whose processor time is told; nil: an existing server, whose can't be.
    let server: ServerUnderTest?

    /// One round of any scenario except claim-depth, which needs its own backlogs.
    func round(_ scenario: Scenario) throws -> [Reading] {
        switch scenario {
        case .submit: try submit("submit", batch: nil)
        case .submitBatch: try submit("submit-batch", batch: BenchSettings.batch)
        case .claimFinish: try drain("claim-finish", .claimFinish)
        case .claimFinishSingle: try drain("claim-finish-single", .claimFinishSingle)
        case .pickup: try Pickup(load: self).round()
        case .claimDepth, .daemon, .money, .bounties, .feeds, .sockets, .inkling, .heartbeats, .writes, .all: []
        }
    }

    private func submit(_ name: String, batch: Int?) throws -> [Reading] {
        let request = batch.map { requests.submit(batchOf: $0) } ?? requests.submit()
        let before = try server?.processorSeconds()
        let start = Ticks.now()
        let end = start + UInt64(settings.seconds) * 1_000_000_000
        let sum = try runClients { client in
            var tally = Tally()
            var now = Ticks.now()
            while now < end {
                try client.submit(request)
                let after = Ticks.now()
                tally.latencies.append(after - now)
                tally.jobs += batch ?? 1
                now = after
            }
            return tally
        }
        let rate = Reading.rate(name, sum.jobs, Ticks.now() - start)
        return [rate] + Reading.latencies(name, sum.latencies) + (try cost(name, sum.jobs, since: before))
    }

    private func cost(_ name: String, _ jobs: Int, since before: Double?) throws -> [Reading] {
        guard let server, let before else { return [] }
        return [.processor(name, try server.processorSeconds() - before, jobs)]
    }

    private func drain(_ name: String, _ scenario: Scenario) throws -> [Reading] {
        let backlog = settings.backlog(scenario)
        try preload(backlog)
        let before = try server?.processorSeconds()
        let start = Ticks.now()
        let jobs = try work(through: backlog, isSingle: scenario == .claimFinishSingle)
        let rate = Reading.rate(name, jobs, Ticks.now() - start)
        return [rate] + (try cost(name, jobs, since: before))
    }

    /// Claims this many jobs in hundreds, and reports their results in hundreds or one a request. Returns how many.
    @discardableResult
    func work(through backlog: Int, isSingle: Bool) throws -> Int {
        let left = Remaining(backlog)
        let sum = try runClients { client in
            let claim = client.requests.claim(limit: BenchSettings.batch)
            var tally = Tally()
            while left.count > 0 {
                let leases = try client.claim(claim)
                guard !leases.isEmpty else {
                    // The others hold the remaining jobs, or the last ones are just being released.
                    try left.checkProgress()
                    usleep(1_000)
                    continue
                }
                if isSingle {
                    for lease in leases { try client.finish(lease) }
                } else {
                    try client.finish(leases)
                }
                tally.jobs += leases.count
                left.take(leases.count)
            }
            return tally
        }
        return sum.jobs
    }

    /// Submits this many jobs as fast as possible, in requests of up to `most`.
    func preload(_ count: Int, size most: Int = 1_000) throws {
        let size = max(1, min(most, count / max(1, clients.count)))
        let batch = size == 1 ? requests.submit() : requests.submit(batchOf: size)
        let left = Remaining(count)
        _ = try runClients { client in
            while true {
                let taken = left.take(size)
                guard taken > 0 else { return Tally() }
                try client.submit(taken == size ? batch : requests.submit(batchOf: taken))
            }
        }
    }

    /// Latencies of single claims in nanoseconds, at a constant backlog.
    func claimLatencies() throws -> [UInt64] {
        guard let client = clients.first else { return [] }
        let claim = client.requests.claim(limit: BenchSettings.depthClaim)
        let refill = requests.submit(batchOf: BenchSettings.depthClaim)
        var latencies: [UInt64] = []
        for round in 0..<BenchSettings.depthSamples + 50 {
            let start = Ticks.now()
            let leases = try client.claim(claim)
            // The first ones are warm-up.
            if round >= 50 { latencies.append(Ticks.now() - start) }
            guard leases.count == BenchSettings.depthClaim else {
                throw Failure.unexpected("a claim of \(BenchSettings.depthClaim) got \(leases.count) jobs")
            }
            try client.finish(leases)
            try client.submit(refill)
        }
        return latencies
    }

    private func runClients(_ body: @escaping @Sendable (BenchClient) throws -> Tally) throws -> Tally {
        Tally.sum(try ClientPool.run(clients.count) { try body(clients[$0]) })
    }
}

/// The number of remaining jobs, counted down by all threads.
final class Remaining: Sendable {
    private let remaining: Atomic<Int>
    private let lastChange: Atomic<UInt64>

    init(_ count: Int) {
        remaining = Atomic(count)
        lastChange = Atomic(Ticks.now())
    }

    var count: Int { remaining.load(ordering: .relaxed) }

    /// Takes up to `wanted` jobs, and returns how many.
    @discardableResult
    func take(_ wanted: Int) -> Int {
        let before = remaining.subtract(wanted, ordering: .relaxed).oldValue
        lastChange.store(Ticks.now(), ordering: .relaxed)
        return max(0, min(wanted, before))
    }

    /// Throws if nothing was taken for half a minute.
    func checkProgress() throws {
        guard Ticks.now() < lastChange.load(ordering: .relaxed) + 30_000_000_000 else {
            throw Failure.unexpected("\(count) jobs were not claimable for 30 s")
        }
    }
}
