import Bytes
import Store
import Support
import Synchronization
import Testing

/// What was said, in order.
private final class Words: Sendable {
    private let words = Mutex<[String]>([])

    func add(_ word: String) { words.withLock { $0.append(word) } }
    var all: [String] { words.withLock { $0 } }
}

@Suite("PostgreSQL")
struct PostgresTests {
    @Test("rows that another transaction holds are passed over")
    func skipLocked() async throws {
        let store = try await Database.withTables(on: .postgres)
        let pick: SQL = "SELECT id FROM counters ORDER BY id LIMIT 1 \(.skipLocked)"
        let (running, done) = (Gate(), Gate())
        async let first = store.write { tx in
            let id = try tx.first(pick) { try $0.text() }
            running.open()
            done.wait()
            return id
        }
        try await eventually("the first holds its row") { running.isOpen }
        let second = try await store.write { tx in try tx.first(pick) { try $0.text() } }
        #expect(second == "b")
        done.open()
        #expect(try await first == "a")
    }

    @Test("a statement that takes too long is busy, and its connection goes on")
    func statementTimeout() async throws {
        var settings = DatabaseSettings()
        settings.connections = 1
        settings.statementTimeoutMilliseconds = 1_000
        let store = try await Database.withTables(on: .postgres, settings: settings)
        func session() async throws -> Int64? {
            try await store.read { tx in try tx.first("SELECT pg_backend_pid()") { try $0.integer() } }
        }
        let before = try await session()
        let error = await #expect(throws: DatabaseError.self) {
            try await store.write { try $0.execute("SELECT pg_sleep(10)") }
        }
        guard case .busy = error else { throw Refused(why: "\(String(describing: error))") }
        #expect(try await session() == before)
    }

    @Test("a row that is locked too long is busy")
    func lockTimeout() async throws {
        var settings = DatabaseSettings()
        settings.lockTimeoutMilliseconds = 50
        let store = try await Database.withTables(on: .postgres, settings: settings)
        let (running, done) = (Gate(), Gate())
        async let holding: Void = store.write { tx in
            try tx.execute("UPDATE counters SET value = 1 WHERE id = 'a'")
            running.open()
            done.wait()
        }
        try await eventually("the row is locked") { running.isOpen }
        let error = await #expect(throws: DatabaseError.self) {
            try await store.write { try $0.execute("UPDATE counters SET value = 2 WHERE id = 'a'") }
        }
        guard case .busy = error else { throw Refused(why: "\(String(describing: error))") }
        done.open()
        try await holding
    }

    @Test("a change of the schema under a prepared statement is not noticed")
    func stalePlan() async throws {
        let store = try await Database.withTables(on: .postgres)
        for column in ["one", "two"] {
            for _ in 0..<16 { _ = try await store.read { tx in try tx.execute("SELECT * FROM counters") } }
            try await store.write {
                try $0.execute(SQL(stringLiteral: "ALTER TABLE counters ADD COLUMN \(column) TEXT"))
            }
        }
        for _ in 0..<16 { #expect(try await store.read { try $0.execute("SELECT * FROM counters") } == 3) }
    }

    @Test("hints arrive, also on a connection that had to be made anew")
    func notifications() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let store = try await TestDatabase.postgres.open(url)
        let other = try await TestDatabase.postgres.open(url)
        let heard = Words()
        let readers = ["jobs\"x", "other"].map { channel in
            Task { for await payload in store.notifications(channel) { heard.add(channel + payload) } }
        }
        defer { for reader in readers { reader.cancel() } }
        func sendUntilHeard(_ payload: String) async throws {
            try await eventually("\(payload) is heard") {
                try await other.notify("jobs\"x", payload)
                return heard.all.contains("jobs\"x" + payload)
            }
        }
        try await sendUntilHeard("first")
        try await TestDatabase.psql(
            url,
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
        try await sendUntilHeard("second")
        #expect(Set(heard.all) == ["jobs\"xfirst", "jobs\"xsecond"])
    }

    @Test("nothing more is heard after closing")
    func closing() async throws {
        let store = try await TestDatabase.postgres.open()
        let stream = store.notifications("jobs")
        await store.close()
        for await _ in stream { Issue.record("heard something") }
    }

    @Test("a wrong database or URL is told at once")
    func wrong() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let start = World.live.monotonic()
        let error = await #expect(throws: DatabaseError.self) { try await Database.open(url + "_not") }
        guard case .failed("3D000", _) = error else { throw Refused(why: "\(String(describing: error))") }
        await #expect(throws: DatabaseError.self) { try await Database.open("postgres://a:b:c:d/x?y") }
        #expect(World.live.monotonic() - start < 3_000)
    }
}
