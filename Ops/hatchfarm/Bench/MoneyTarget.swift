internal import Bytes
internal import Domain
internal import Foundation
internal import Runtime
internal import Store
internal import Synchronization
internal import Wire

/// A server, funded owners, and providers whose machines have a price. Verifies the ledger after every round.
final class MoneyTarget: BenchTarget {
    private static let owners = (1...8).map { OwnerID("owner-\($0)") }
    private static let providers = (1...4).map { OwnerID("provider-\($0)") }

    private let settings: BenchSettings
    private let load: MoneyLoad
    /// The same without prices, in a run with raw limits.
    private let unpaid: MoneyLoad?
    private let server: ServerUnderTest
    private let database: TemporaryDatabase
    /// The same database, for deposits and to verify the ledger.
    private let store: Database
    private let done = Mutex((rounds: 0, jobs: 0, deposited: Int64(0)))

    private init(
        _ settings: BenchSettings, _ load: MoneyLoad, _ unpaid: MoneyLoad?, _ server: ServerUnderTest,
        _ database: TemporaryDatabase, _ store: Database
    ) {
        self.settings = settings
        self.load = load
        self.unpaid = unpaid
        self.server = server
        self.database = database
        self.store = store
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> MoneyTarget {
        guard database.url != "sqlite::memory:" else {
            throw Failure.invalid("bench money needs to read the server's database: use a file")
        }
        let server = try await ServerUnderTest.start(database: database.url)
        let connections = try (0..<settings.connections).map { _ in
            try RawConnection(host: ServerUnderTest.host, port: server.port)
        }
        let paid = try await load(connections, server, job: MoneyLoad.job, hourlyPrice: MoneyLoad.hourlyPrice)
        let unpaid =
            settings.rawConnections == nil
            ? nil : try await load(connections, server, job: MoneyLoad.unpaidJob, hourlyPrice: 0)
        return MoneyTarget(settings, paid, unpaid, server, database, try await Database.open(database.url))
    }

    /// Enrolls a machine for each connection.
    private static func load(
        _ connections: [RawConnection], _ server: ServerUnderTest, job: String, hourlyPrice: Int64
    ) async throws -> MoneyLoad {
        var clients: [MoneyLoad.Client] = []
        for (number, connection) in connections.enumerated() {
            let provider = providers[number % providers.count]
            let machine: WorkerCredentials
            do {
                machine = try await EnrollmentClient(server: server.url, credential: server.token, ownerID: provider)
                    .enroll(
                        name: "bench-\(number)", capacity: Capacity(cpuCores: 4_096, memoryGB: 65_536),
                        hourlyPrice: hourlyPrice)
            } catch {
                throw Failure(error, server: server.url)
            }
            let owner = owners[number % owners.count]
            let requests = Requests(
                host: ServerUnderTest.host,
                credentials: Credentials(server: server.url, key: server.token, owner: owner.text), job: job)
            clients.append(
                MoneyLoad.Client(
                    owner: requests,
                    machine: BenchClient(
                        connection: connection,
                        requests: requests.worker(machine.workerID.text, token: machine.machineToken))))
        }
        return MoneyLoad(clients: clients)
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        var readings: [Reading] = []
        let backlog = settings.backlog(.money)
        for (name, count, isSingle) in [("paid", backlog, false), ("paid singly", backlog / 2, true)] {
            let share = load.share(of: count)
            try await deposit(forJobs: share * load.clients.count)
            readings += try measure(name, share: share, isSingle: isSingle)
            done.withLock { $0.jobs += share * load.clients.count }
            try await verify()
        }
        return readings
    }

    /// Measures jobs with a price, and in a run with raw limits holds each phase against the same without one. What is
    /// measured first alternates between rounds.
    private func measure(_ name: String, share: Int, isSingle: Bool) throws -> [Reading] {
        guard let unpaid else { return try load.round(name, share: share, isSingle: isSingle) }
        // Two deposits a round, the first of them before its first measurement.
        let isUnpaidFirst = done.withLock { (($0.rounds - 1) / 2).isMultiple(of: 2) }
        let first = try (isUnpaidFirst ? unpaid : load).round(name, share: share, isSingle: isSingle)
        let second = try (isUnpaidFirst ? load : unpaid).round(name, share: share, isSingle: isSingle)
        let (readings, bases) = isUnpaidFirst ? (second, first) : (first, second)
        return zip(readings, bases).map { $0.against($1.value) }
    }

    /// Deposits enough to hold the price of this many jobs, whoever submits them.
    private func deposit(forJobs jobs: Int) async throws {
        let each = Int64((jobs + Self.owners.count - 1) / Self.owners.count + jobs) * MoneyLoad.maxPrice
        let round = done.withLock { done in
            done.rounds += 1
            done.deposited += each * Int64(Self.owners.count)
            return done.rounds
        }
        try await store.write { tx in
            for owner in Self.owners {
                _ = try tx.deposit(
                    to: owner, asset: .usdt, amount: each, reference: "bench \(round) \(owner)", actor: "operator")
            }
        }
    }

    /// Verifies that the ledger is consistent, no hold is left, no money was lost, and each job was paid once.
    private func verify() async throws {
        let expected = done.withLock { $0 }
        let broken = try await store.read { try $0.bookFindings(full: true) }.filter { $0.breaches > 0 }
        guard broken.isEmpty else { throw Failure.unexpected("the ledger is inconsistent: \(broken.map(\.check))") }
        var total: Int64 = 0
        for owner in Self.owners + Self.providers {
            for balance in try await store.read({ try $0.balances(of: owner) }) where balance.asset == .usdt {
                guard balance.held == 0 else { throw Failure.unexpected("\(owner) still has \(balance.held) held") }
                total += balance.available
            }
        }
        guard total == expected.deposited else {
            throw Failure.unexpected("\(expected.deposited) were deposited, but the balances add up to \(total)")
        }
        var paid: Set<String> = []
        var payments = 0
        for provider in Self.providers {
            var before: Int64?
            while true {
                let cursor = before
                let lines = try await store.read { tx in
                    try tx.lines(of: provider, .usdt, before: cursor, limit: 10_000)
                }
                for line in lines {
                    payments += 1
                    paid.insert(line.reference ?? "")
                }
                guard let last = lines.last else { break }
                before = last.line
            }
        }
        guard payments == expected.jobs, paid.count == expected.jobs else {
            throw Failure.unexpected("\(payments) payments for \(paid.count) of \(expected.jobs) jobs")
        }
    }

    func close() async {
        await store.close()
        server.stop()
        await database.remove()
    }

    func abort() {
        server.stop()
        if let folder = database.folder { try? FileManager.default.removeItem(atPath: folder) }
    }
}
