import Foundation
import Glibc
package import Store
import Synchronization

/// The two databases that every test of storage runs on.
///
///     @Test("…", arguments: TestDatabase.all)
///     func …(on database: TestDatabase) async throws { let store = try await database.open() … }
///
/// PostgreSQL is the server of `HATCHFARM_TEST_POSTGRES` (a superuser's URL), or else one cluster that this process
/// starts for itself. If there is none to be had, the tests fail.
package enum TestDatabase: String, Sendable {
    case sqlite, postgres

    package static let all: [TestDatabase] = [.sqlite, .postgres]

    /// What is made of each database that is opened here: those who want to see what runs put themselves before it.
    @TaskLocal package static var watch: (@Sendable (Database) -> Database)?

    /// Opens a fresh, empty database, or the one at `url`. The clock moves time on both.
    package func open(
        _ url: String? = nil, settings: DatabaseSettings = .init(), clock: TestClock = TestClock()
    ) async throws -> Database {
        var settings = settings
        settings.clock = { clock.now }
        settings.clockOffset = { clock.offset }
        let address = if let url { url } else { try await freshURL() }
        let opened = try await Database.open(address, settings: settings)
        return Self.watch?(opened) ?? opened
    }

    /// The URL of a fresh, empty database: for those who open it more than once.
    package func freshURL() async throws -> String {
        switch self {
        case .sqlite: return "sqlite:" + Scratch.path("store.db")
        case .postgres:
            let server = try await Self.server.value
            let name = "hatchfarm_\(getpid())_\(Self.lastName.withLock { $0 += 1; return $0 })"
            try await Self.psql(server, "CREATE DATABASE \(name)")
            var parts = URLComponents(string: server)
            parts?.path = "/\(name)"
            if Self.isForeign { Scratch.atExit { Self.drop(name, from: server) } }
            return parts?.string ?? server
        }
    }

    /// Runs a statement outside of everything.
    @discardableResult
    package static func psql(_ url: String, _ statement: String) async throws -> String {
        let (program, arguments) = ThrowawayPostgres.command(
            "psql", ["-X", "-q", "-A", "-t", "-d", url, "-c", statement])
        return try await Tool.run(program, arguments)
    }

    private static let lastName = Mutex(0)
    private static let foreign = ProcessInfo.processInfo.environment["HATCHFARM_TEST_POSTGRES"]
    private static var isForeign: Bool { foreign != nil }

    /// The URL of the server for this process.
    private static let server = Task<String, any Error> {
        if let foreign { return foreign }
        let cluster = try await ThrowawayPostgres(settings: ["max_connections=400", "deadlock_timeout=100ms"])
        try await cluster.start()
        own.withLock { $0 = cluster }
        return cluster.url()
    }

    /// Keeps the cluster until the process exits.
    private static let own = Mutex<ThrowawayPostgres?>(nil)

    private static func drop(_ name: String, from server: String) {
        let (program, arguments) = ThrowawayPostgres.command(
            "psql", ["-X", "-q", "-d", server, "-c", "DROP DATABASE IF EXISTS \(name) WITH (FORCE)"])
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        try? process.run()
        process.waitUntilExit()
    }
}
