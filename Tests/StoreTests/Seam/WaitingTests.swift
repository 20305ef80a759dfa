import Bytes
import Store
import Support
import Testing

@Suite("Waiting has an end", .tags(.timed))
struct WaitingTests {
    private func narrow(waitTimeoutMilliseconds: Int = 5_000) -> DatabaseSettings {
        var settings = DatabaseSettings()
        settings.connections = 1
        settings.waitLimit = 3
        settings.waitTimeoutMilliseconds = waitTimeoutMilliseconds
        return settings
    }

    private func isBusy(_ body: () async throws -> Void) async -> Bool {
        do {
            try await body()
            return false
        } catch DatabaseError.busy { return true } catch { return false }
    }

    @Test("who finds the line full is told so at once", arguments: TestDatabase.all)
    func full(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database, settings: narrow())
        let (running, done) = (Gate(), Gate())
        async let first: Void = store.write { _ in
            running.open()
            done.wait()
        }
        try await eventually("the first runs") { running.isOpen }
        async let others: [Void] = withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<3 { group.addTask { try await store.note(String(index)) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await eventually("three wait") { store.load.waiting == 3 }
        #expect(await isBusy { try await store.note("too many") })
        done.open()
        try await first
        #expect(try await others.count == 3)
        #expect(try await store.notes().count == 3)
    }

    @Test("who waits too long is told so, while the other goes on, and nothing happens", arguments: TestDatabase.all)
    func late(on database: TestDatabase) async throws {
        let store = try await Database.withTables(on: database, settings: narrow(waitTimeoutMilliseconds: 1_000))
        let (running, done) = (Gate(), Gate())
        async let first: Void = store.write { _ in
            running.open()
            done.wait()
        }
        try await eventually("the first runs") { running.isOpen }
        let start = World.live.monotonic()
        #expect(await isBusy { try await store.note("late") })
        #expect(World.live.monotonic() - start < 4_000)
        #expect(!done.isOpen)
        done.open()
        try await first
        #expect(try await store.notes().isEmpty)
        try await store.note("in time")
        #expect(try await store.notes() == ["in time"])
    }

    @Test("closing refuses who waits and who comes, and lets who runs end", arguments: TestDatabase.all)
    func closing(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let store = try await database.open(url, settings: narrow())
        try await store.makeTables()
        let (running, done) = (Gate(), Gate())
        async let first: Void = store.write { tx in
            running.open()
            done.wait()
            try tx.execute("INSERT INTO notes (text) VALUES ('first')")
        }
        try await eventually("the first runs") { running.isOpen }
        let second = Task { try await store.note("second") }
        try await eventually("the second waits") { store.load.waiting == 1 }
        async let closed: Void = store.close()
        await #expect(throws: DatabaseError.unavailable("the database is closed")) { try await second.value }
        done.open()
        try await first
        await closed
        await #expect(throws: DatabaseError.unavailable("the database is closed")) { try await store.note("third") }
        let again = try await database.open(url)
        #expect(try await again.notes() == ["first"])
    }

    @Test("health tells that all is well, or what is not", arguments: TestDatabase.all)
    func health(on database: TestDatabase) async throws {
        // Nobody else's time limit ends the wait: the two seconds of health itself do, or the gate's ten.
        let store = try await Database.withTables(on: database, settings: narrow(waitTimeoutMilliseconds: 20_000))
        let health = await store.health()
        #expect(health.ok && health.waiting == 0 && health.connections > 0)
        let (running, done) = (Gate(), Gate())
        async let first: Void = store.write { _ in
            running.open()
            done.wait()
        }
        try await eventually("the first runs") { running.isOpen }
        let stuck = await store.health()
        #expect(!stuck.ok && (1_900..<9_000).contains(stuck.latencyMilliseconds))
        done.open()
        try await first
        #expect(await store.health().ok)
    }
}
