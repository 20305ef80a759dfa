internal import Foundation
internal import Store
internal import Synchronization

/// What the database does at most with a plain queue, and what a static answer costs, on this machine and in this run:
/// beside it a figure is also a ratio.
///
/// The plain queue is measured in a database of its own beside the product's: SQLite by one connection, as it has one
/// writer, PostgreSQL by 16.
final class RawLimits: Sendable {
    private let database: String
    private let settings: BenchSettings
    /// What is to be removed if the process is interrupted.
    private let opened = Mutex<(database: TemporaryDatabase?, server: ServerUnderTest?)>((nil, nil))

    /// How many connections the raw limits of this database are measured by.
    static func connections(to database: String) -> Int { database.hasPrefix("sqlite:") ? 1 : 16 }

    /// - Parameter database: as for `TemporaryDatabase.make`.
    init(_ database: String, _ settings: BenchSettings) {
        self.database = database
        self.settings = settings
    }

    /// Measures what a scenario is held against, by the names of its figures.
    func round(_ scenario: Scenario, withHTTP: Bool) async throws -> [String: Double] {
        let (one, hundred) = (1, BenchSettings.batch)
        switch scenario {
        case .submit:
            var limits = ["submit": try await insertRate(one)]
            if withHTTP { limits["submit, server CPU"] = try await staticAnswerCost() }
            return limits
        case .submitBatch: return ["submit-batch": try await insertRate(hundred)]
        case .claimFinish:
            return ["claim-finish": try await completionRate(hundred, of: settings.backlog(scenario))]
        case .claimFinishSingle:
            return ["claim-finish-single": try await completionRate(one, of: settings.backlog(scenario))]
        case .heartbeats: return ["heartbeats": try await insertRate(one)]
        case .pickup, .claimDepth, .daemon, .money, .bounties, .feeds, .sockets, .inkling, .writes, .all: return [:]
        }
    }

    /// Removes what a round that runs has made.
    func abort() {
        let (database, server) = opened.withLock { $0 }
        server?.stop()
        if let folder = database?.folder { try? FileManager.default.removeItem(atPath: folder) }
    }

    /// Rows a second, so many in a commit.
    private func insertRate(_ rows: Int) async throws -> Double {
        try await withQueues(rows) { [seconds = settings.seconds] queues in
            try Self.rate(by: queues.count, seconds) { index, end in
                var count = 0
                while Ticks.now() < end {
                    try queues[index].insert()
                    count += rows
                }
                return count
            }
        }
    }

    /// Rows a second that are claimed in one commit and deleted in another, so many in each, until the backlog is empty
    /// or the time of a round is over.
    private func completionRate(_ rows: Int, of backlog: Int) async throws -> Double {
        try await withQueues(rows, backlog: backlog) { [seconds = settings.seconds] queues in
            try Self.rate(by: queues.count, seconds) { index, end in
                var count = 0
                while Ticks.now() < end {
                    let ids = try queues[index].claim()
                    guard !ids.isEmpty else { break }
                    try queues[index].complete(ids)
                    count += ids.count
                }
                return count
            }
        }
    }

    private static func rate(
        by threads: Int, _ seconds: Int, _ body: @escaping @Sendable (Int, UInt64) throws -> Int
    ) throws -> Double {
        let start = Ticks.now()
        let tallies = try ClientPool.run(threads) { index in
            Tally(jobs: try body(index, start + UInt64(seconds) * 1_000_000_000))
        }
        return Double(Tally.sum(tallies).jobs) / Ticks.seconds(max(1, Ticks.now() - start))
    }

    /// Opens the connections on a new database with this many rows, and removes it afterwards.
    private func withQueues(
        _ rows: Int, backlog: Int = 0, _ measure: ([any RawQueue]) throws -> Double
    ) async throws -> Double {
        let temporary = try await TemporaryDatabase.make(database, schema: "hatchfarm_bench_raw")
        opened.withLock { $0.database = temporary }
        let rate = Result { try measure(try open(temporary.url, rows, backlog)) }
        await temporary.remove()
        opened.withLock { $0.database = nil }
        do {
            return try rate.get()
        } catch let error as DatabaseError {
            throw Failure.unexpected("the raw limits can't be measured: \(error)")
        }
    }

    private func open(_ url: String, _ rows: Int, _ backlog: Int) throws -> [any RawQueue] {
        if backlog > 0 {
            let size = BenchSettings.batch
            let filler = try Database.openRawQueue(url, rows: size)
            for _ in 0..<(backlog + size - 1) / size { try filler.insert() }
            try filler.analyze()
        }
        return try (0..<Self.connections(to: database)).map { _ in try Database.openRawQueue(url, rows: rows) }
    }

    /// The processor time of a static answer in microseconds, with the connections and the requests of `submit`.
    private func staticAnswerCost() async throws -> Double {
        let server = try await ServerUnderTest.startStatic()
        opened.withLock { $0.server = server }
        defer {
            server.stop()
            opened.withLock { $0.server = nil }
        }
        let credentials = Credentials(server: server.url, key: server.token, owner: ServerUnderTest.owner)
        let request = Requests(host: ServerUnderTest.host, credentials: credentials).submit()
        let connections = try (0..<settings.connections).map { _ in
            try RawConnection(host: ServerUnderTest.host, port: server.port)
        }
        let before = try server.processorSeconds()
        let end = Ticks.now() + UInt64(settings.seconds) * 1_000_000_000
        let tallies = try ClientPool.run(connections.count) { index in
            var tally = Tally()
            while Ticks.now() < end {
                _ = try connections[index].exchange(request)
                tally.jobs += 1
            }
            return tally
        }
        return (try server.processorSeconds() - before) * 1e6 / Double(max(1, Tally.sum(tallies).jobs))
    }
}
