internal import Bytes
internal import Domain
internal import Foundation
internal import Store
internal import Synchronization

/// A server, and new members for every round, who post tasks with escrow and claim them. Verifies the ledger after
/// every round.
final class BountyTarget: BenchTarget {
    private let settings: BenchSettings
    private let connections: [RawConnection]
    private let server: ServerUnderTest
    private let database: TemporaryDatabase
    /// The same database, for new members and to verify the ledger.
    private let store: Database
    private let done = Mutex((members: Int64(0), posts: Int64(0)))

    private init(
        _ settings: BenchSettings, _ connections: [RawConnection], _ server: ServerUnderTest,
        _ database: TemporaryDatabase, _ store: Database
    ) {
        self.settings = settings
        self.connections = connections
        self.server = server
        self.database = database
        self.store = store
    }

    static func open(_ database: TemporaryDatabase, _ settings: BenchSettings) async throws -> BountyTarget {
        guard database.url != "sqlite::memory:" else {
            throw Failure.invalid("bench bounties needs to read the server's database: use a file")
        }
        let server = try await ServerUnderTest.start(database: database.url)
        let connections = try (0..<settings.connections).map { _ in
            try RawConnection(host: ServerUnderTest.host, port: server.port)
        }
        return BountyTarget(settings, connections, server, database, try await Database.open(database.url))
    }

    func round(_ scenario: Scenario) async throws -> [Reading] {
        let share = max(1, settings.backlog(.bounties) / connections.count)
        let each = (share + BountyLoad.tasksEach - 1) / BountyLoad.tasksEach
        var clients: [BountyLoad.Client] = []
        for connection in connections {
            clients.append(
                BountyLoad.Client(
                    connection: connection, posters: try await members(each), assignees: try await members(each)))
        }
        let readings = try BountyLoad(clients: clients).round(share: share)
        done.withLock { $0.posts += Int64(share * connections.count) }
        try await verify()
        return readings
    }

    /// The keys of new members.
    private func members(_ count: Int) async throws -> [String] {
        let keys = (0..<count).map { _ in SampleKey.new() }
        let first = done.withLock { done in
            done.members += Int64(count)
            return done.members - Int64(count) + 1
        }
        let hashes = keys.map { SHA256.hex($0) }
        try await store.write { tx in
            try tx.fillMembers(first...(first + Int64(count) - 1), keyHashes: hashes)
        }
        return keys
    }

    /// Verifies that the ledger is consistent, that there are as many points as were minted, and that every task holds
    /// its bounty and its deposit.
    private func verify() async throws {
        let (members, posts) = done.withLock { $0 }
        let broken = try await store.read { try $0.bookFindings(full: true) }.filter { $0.breaches > 0 }
        guard broken.isEmpty else { throw Failure.unexpected("the ledger is inconsistent: \(broken.map(\.check))") }
        guard let points = try await store.read({ try $0.assetTotals() }).first(where: { $0.asset == .points }) else {
            throw Failure.unexpected("there are no points")
        }
        // The queenbee is a member too.
        guard points.supply == (members + 1) * Money.registrationBonus else {
            throw Failure.unexpected("\(members) members have \(points.supply) points")
        }
        guard points.held == posts * (BountyLoad.points + BountyLoad.deposit) else {
            throw Failure.unexpected("\(posts) claimed tasks hold \(points.held) points")
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
