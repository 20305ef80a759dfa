import Store
import Support
import Testing

@Suite("Migrations")
struct MigrationTests {
    private let first = Migration(name: "0001_first") { _ in
        ["CREATE TABLE first (key \(.autoKey), data \(.bytesType))", "INSERT INTO first (data) VALUES (\([1, 2]))"]
    }
    private let second = Migration(name: "0002_second") { sqlEngine in
        sqlEngine == .sqlite ? ["CREATE TABLE second (id TEXT)"] : ["CREATE TABLE second (id TEXT, extra TEXT)"]
    }

    @Test("each step is taken once, in order", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        let store = try await database.open()
        #expect(try await store.migrate([first]) == ["0001_first"])
        #expect(try await store.migrate([first, second]) == ["0002_second"])
        #expect(try await store.migrate([first, second]).isEmpty)
        let applied = try await store.read { tx in
            try tx.rows("SELECT name, applied_at FROM schema_migrations ORDER BY name") { row in
                (try row.text(), try row.integer() > 1_700_000_000_000)
            }
        }
        #expect(applied.map(\.0) == ["0001_first", "0002_second"])
        #expect(applied.allSatisfy { $0.1 })
    }

    @Test("several processes may start at once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let taken = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let store = try await database.open(url)
                    return try await store.migrate([first, second])
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(taken.filter { !$0.isEmpty } == [["0001_first", "0002_second"]])
        let store = try await database.open(url)
        let rows = try await store.read { tx in try tx.rows("SELECT data FROM first") { try $0.bytes() } }
        #expect(rows == [[1, 2]])
    }

    @Test("a database newer than the program is left alone", arguments: TestDatabase.all)
    func newer(on database: TestDatabase) async throws {
        let store = try await database.open()
        _ = try await store.migrate([first, second])
        let error = await #expect(throws: DatabaseError.self) { _ = try await store.migrate([first]) }
        guard case .failed("schema", let message) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(message.contains("0002_second"))
    }

    @Test("a step that fails leaves nothing behind", arguments: TestDatabase.all)
    func failing(on database: TestDatabase) async throws {
        let store = try await database.open()
        let broken = Migration(name: "0002_broken") { _ in
            ["CREATE TABLE half (id TEXT)", "CREATE TABLE first (id TEXT)"]
        }
        await #expect(throws: DatabaseError.self) { _ = try await store.migrate([first, broken]) }
        #expect(try await store.migrate([first, second]) == ["0001_first", "0002_second"])
        await #expect(throws: DatabaseError.self) { try await store.read { try $0.execute("SELECT * FROM half") } }
    }
}
