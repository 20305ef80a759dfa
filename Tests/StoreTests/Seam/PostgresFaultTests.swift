import Bytes
import Foundation
import Store
import Support
import Synchronization
import Testing

@Suite("PostgreSQL may break at any moment", .serialized, .tags(.timed))
struct PostgresFaultTests {
    private let othersEnd = """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
        """

    @Test("sessions that are killed again and again are not noticed by those who write")
    func killedSessions() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let store = try await TestDatabase.postgres.open(url)
        try await store.makeTables()
        let isOver = Mutex(false)
        let writing = Task {
            var written = 0
            var unknown = 0
            while !isOver.withLock({ $0 }) {
                do {
                    try await store.write { try $0.execute("UPDATE counters SET value = value + 1 WHERE id = 'a'") }
                    written += 1
                } catch DatabaseError.unknownOutcome { unknown += 1 }
            }
            return (written, unknown)
        }
        for _ in 0..<10 { try await TestDatabase.psql(url, othersEnd) }
        isOver.withLock { $0 = true }
        let (written, unknown) = try await writing.value
        let value = try await store.read { tx in
            try tx.first("SELECT value FROM counters WHERE id = 'a'") { try $0.int() }
        }
        let counted = try #require(value)
        #expect((written...written + unknown).contains(counted))
        #expect(written > 0)
    }

    @Test("a server that dies is survived: refused at once meanwhile, served within three seconds after")
    func restart() async throws {
        let server = try await ThrowawayPostgres()
        try await server.start()
        let store = try await TestDatabase.postgres.open(server.url())
        try await store.makeTables()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<20 { group.addTask { try await store.note(String(index)) } }
            try await group.waitForAll()
        }
        try await server.kill()

        try await eventually("the loss is noticed") { (try? await store.note("lost")) == nil }
        var waits: [Int64] = []
        for _ in 0..<21 {
            let start = World.live.monotonic()
            let error = await #expect(throws: DatabaseError.self) { try await store.note("lost") }
            guard case .unavailable = error else { throw Refused(why: "\(String(describing: error))") }
            waits.append(World.live.monotonic() - start)
        }
        // Not every one: the machine may have other things to do.
        #expect(waits.sorted()[10] <= 250)
        #expect(await store.health().ok == false)

        try await server.start()
        let ready = World.live.monotonic()
        try await eventually("it serves again", within: .seconds(3)) { (try? await store.note("back")) != nil }
        #expect(World.live.monotonic() - ready <= 3_000)
        #expect(try await store.notes().filter { $0 != "back" }.count == 20)
    }

    @Test("a server that is only slow to start is waited for")
    func lateStart() async throws {
        let server = try await ThrowawayPostgres()
        var patient = DatabaseSettings()
        patient.openTimeoutMilliseconds = 20_000
        let settings = patient
        async let store = TestDatabase.postgres.open(server.url(), settings: settings)
        try await server.start()
        #expect(try await store.health().ok)
    }

    @Test("a server that freezes is noticed within three seconds, and nobody waits for ever")
    func frozen() async throws {
        let server = try await ThrowawayPostgres()
        try await server.start()
        // Only what meets the frozen server has little time.
        let patient = try await TestDatabase.postgres.open(server.url())
        try await patient.makeTables()
        await patient.close()
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 200
        settings.connectTimeoutMilliseconds = 500
        settings.waitTimeoutMilliseconds = 1_000
        let store = try await TestDatabase.postgres.open(server.url(), settings: settings)
        server.pause()
        let start = World.live.monotonic()
        async let health = store.health()
        let failures = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<50 { group.addTask { (try? await store.note("frozen")) == nil } }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(failures == 50)
        #expect(await health.ok == false)
        #expect(World.live.monotonic() - start < 8_000)
        server.resume()
        try await eventually("it serves again", within: .seconds(3)) { (try? await store.note("back")) != nil }
        var notes: [String]?
        try await eventually("its notes are read") {
            notes = try? await store.notes()
            return notes != nil
        }
        #expect(notes?.allSatisfy { $0 == "back" } == true)
    }

    @Test("a connection lost during COMMIT is an unknown outcome", arguments: [true, false])
    func unknownOutcome(arrives: Bool) async throws {
        let server = try await ThrowawayPostgres()
        try await server.start()
        let proxy = try FaultProxy(to: server.port)
        let store = try await TestDatabase.postgres.open("postgres://postgres@127.0.0.1:\(proxy.port)/postgres")
        try await store.makeTables()
        // It is executed by its name; where it is prepared, no zero comes before that.
        let commit = Data("\0commit\0".utf8)
        proxy.apply { fromClient, bytes in
            guard fromClient, Data(bytes).range(of: commit) != nil else { return .pass }
            return arrives ? .passThenCut : .cut
        }
        await #expect(throws: DatabaseError.unknownOutcome) { try await store.note("maybe") }
        proxy.apply(nil)
        try await eventually("the server has seen all of it") {
            try await store.notes() == (arrives ? ["maybe"] : [])
        }
    }

    @Test("a connection lost before COMMIT is made anew and the closure runs again, but not for ever")
    func lostBefore() async throws {
        let server = try await ThrowawayPostgres()
        try await server.start()
        let proxy = try FaultProxy(to: server.port)
        let store = try await TestDatabase.postgres.open("postgres://postgres@127.0.0.1:\(proxy.port)/postgres")
        try await store.makeTables()
        let mark = Data("mark".utf8)
        let cuts = Mutex(1)
        proxy.apply { fromClient, bytes in
            guard fromClient, Data(bytes).range(of: mark) != nil else { return .pass }
            return cuts.withLock { cuts in
                cuts -= 1
                return cuts >= 0 ? .cut : .pass
            }
        }
        try await store.note("mark")
        #expect(try await store.notes() == ["mark"])
        cuts.withLock { $0 = .max }
        let error = await #expect(throws: DatabaseError.self) { try await store.note("mark") }
        guard case .unavailable = error else { throw Refused(why: "\(String(describing: error))") }
        proxy.apply(nil)
        #expect(try await store.notes() == ["mark"])
    }

    @Test("when the server has no connections left, those there are serve all")
    func crowded() async throws {
        let server = try await ThrowawayPostgres(settings: ["max_connections=8", "superuser_reserved_connections=3"])
        try await server.start()
        try await TestDatabase.psql(server.url(), "CREATE ROLE farm LOGIN")
        try await TestDatabase.psql(server.url(), "GRANT ALL ON SCHEMA public TO farm")
        let store = try await TestDatabase.postgres.open("postgres://farm@127.0.0.1:\(server.port)/postgres")
        try await store.makeTables()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<200 { group.addTask { try await store.note(String(index)) } }
            try await group.waitForAll()
        }
        #expect(try await store.notes().count == 200)
    }
}
