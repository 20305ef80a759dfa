import Bytes
import Store
import Support
import Synchronization
import Testing

struct Refused: Error, Equatable {
    var why = ""
}

extension Database {
    /// A table with a counter and one of notes.
    static func withTables(
        on database: TestDatabase, settings: DatabaseSettings = .init(), clock: TestClock = TestClock()
    ) async throws -> Database {
        let store = try await database.open(settings: settings, clock: clock)
        try await store.makeTables()
        return store
    }

    func makeTables() async throws {
        try await write { tx in
            try tx.execute("CREATE TABLE counters (id TEXT PRIMARY KEY, value BIGINT NOT NULL)")
            try tx.execute("CREATE TABLE notes (key \(.autoKey), text TEXT NOT NULL)")
            try tx.execute("INSERT INTO counters (id, value) VALUES ('a', 0), ('b', 0), ('c', 0)")
        }
    }

    func note(_ text: String) async throws {
        try await write { try $0.execute("INSERT INTO notes (text) VALUES (\(text))") }
    }

    func notes() async throws -> [String] {
        try await read { tx in try tx.rows("SELECT text FROM notes ORDER BY key") { try $0.text() } }
    }
}

@Suite("A transaction happens whole or not at all")
struct TransactionTests {
    @Test("a closure that throws undoes all it did, and its error comes back", arguments: TestDatabase.all)
    func rollback(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        await #expect(throws: Refused(why: "no")) {
            try await store.write { tx in
                try tx.execute("INSERT INTO notes (text) VALUES ('x')")
                throw Refused(why: "no")
            }
        }
        #expect(try await store.notes().isEmpty)
    }

    @Test("a failed statement ends the transaction, whatever the closure makes of it", arguments: TestDatabase.all)
    func doomed(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        await #expect(throws: DatabaseError.conflict(constraint: "counters.id")) {
            try await store.write { tx in
                try tx.execute("INSERT INTO notes (text) VALUES ('before')")
                _ = try? tx.execute("INSERT INTO counters VALUES ('a', 1)")
                _ = try? tx.execute("INSERT INTO notes (text) VALUES ('after')")
            }
        }
        #expect(try await store.notes().isEmpty)
    }

    @Test("those that share a commit don't share their failures", arguments: TestDatabase.all)
    func savepoints(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        let outcomes = await withTaskGroup(of: (Int, Bool).self) { group in
            for index in 0..<300 {
                group.addTask {
                    do {
                        try await store.write { tx in
                            try tx.execute("INSERT INTO notes (text) VALUES (\(String(index)))")
                            if index % 3 == 0 { throw Refused() }
                            if index % 3 == 1 { try tx.execute("INSERT INTO counters VALUES ('a', 1)") }
                        }
                        return (index, true)
                    } catch { return (index, false) }
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(outcomes.allSatisfy { $0.value == ($0.key % 3 == 2) })
        let kept = Set(try await store.notes())
        #expect(kept == Set((0..<300).filter { $0 % 3 == 2 }.map { String($0) }))
    }

    @Test("sixteen who count at once lose nothing", arguments: TestDatabase.all)
    func counting(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    for _ in 0..<50 {
                        try await store.write { tx in
                            let value = try tx.first("SELECT value FROM counters WHERE id = 'a' \(.forUpdate)") {
                                try $0.integer()
                            }
                            try tx.execute("UPDATE counters SET value = \((value ?? 0) + 1) WHERE id = 'a'")
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let value = try await store.read { tx in
            try tx.first("SELECT value FROM counters WHERE id = 'a'") { try $0.integer() }
        }
        #expect(value == 800)
    }

    @Test("deadlocks are tried again until all are through", arguments: TestDatabase.all)
    func deadlocks(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<2 {
                group.addTask {
                    for _ in 0..<20 {
                        try await store.write { tx in
                            for id in index % 2 == 0 ? ["a", "b"] : ["b", "a"] {
                                try tx.execute("UPDATE counters SET value = value + 1 WHERE id = \(id)")
                            }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
        let values = try await store.read { tx in
            try tx.rows("SELECT value FROM counters ORDER BY id") { try $0.integer() }
        }
        #expect(values == [40, 40, 0])
    }

    @Test("a read sees one moment and may not write", arguments: TestDatabase.all)
    func reading(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        let (started, written) = (Gate(), Gate())
        async let counts = store.read { tx in
            let before = try tx.first("SELECT count(*) FROM notes") { try $0.integer() }
            started.open()
            written.wait()
            return [before, try tx.first("SELECT count(*) FROM notes") { try $0.integer() }]
        }
        try await eventually("the read runs") { started.isOpen }
        try await store.note("later")
        written.open()
        #expect(try await counts == [0, 0])
        #expect(try await store.notes() == ["later"])
        await #expect(throws: DatabaseError.self) {
            try await store.read { try $0.execute("DELETE FROM notes") }
        }
        #expect(try await store.notes() == ["later"])
    }

    @Test("actions run after the commit, in order, before the answer, and only then", arguments: TestDatabase.all)
    func afterCommit(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        let log = Mutex<[String]>([])
        try await store.write { tx in
            tx.afterCommit { log.withLock { $0.append("one") } }
            try tx.execute("INSERT INTO notes (text) VALUES ('x')")
            tx.afterCommit { log.withLock { $0.append("two") } }
            log.withLock { $0.append("closure") }
        }
        log.withLock { $0.append("answer") }
        _ = try? await store.write { tx in
            tx.afterCommit { log.withLock { $0.append("never") } }
            throw Refused()
        }
        #expect(log.withLock { $0 } == ["closure", "one", "two", "answer"])
    }

    @Test("the time is the database's and moves with the test's clock", arguments: TestDatabase.all)
    func time(on database: TestDatabase) async throws {
        let clock = TestClock()
        let store = try await database.open(clock: clock)
        let before = try await store.write { $0.now }
        #expect(abs(before - World.live.now()) < 5_000)
        clock.advance(by: .seconds(3_600))
        let after = try await store.read { $0.now }
        #expect((3_600_000..<3_605_000).contains(after - before))
    }

    @Test("a statement may run while the rows of the same one are read", arguments: TestDatabase.all)
    func nested(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database)
        let pairs = try await store.read { tx in
            try tx.rows("SELECT id FROM counters WHERE id <> \("b") ORDER BY id") { row in
                let id = try row.text()
                return try tx.rows("SELECT id FROM counters WHERE id <> \(id) ORDER BY id") { try $0.text() }
            }
        }
        #expect(pairs == [["b", "c"], ["a", "b"]])
    }

    @Test("more statements than are kept prepared all work", arguments: TestDatabase.all)
    func manyTexts(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.connections = 1
        let store = try await database.open(settings: settings)
        for _ in 0..<2 {
            let sum = try await store.write { tx in
                try (1...600).reduce(0) { sum, index in
                    let padding = SQL(stringLiteral: String(repeating: " ", count: index))
                    return try sum + (tx.first("SELECT\(sql: padding) \(index)") { try $0.int() } ?? 0)
                }
            }
            #expect(sum == 180_300)
        }
    }
}
