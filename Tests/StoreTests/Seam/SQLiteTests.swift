import Domain
import Foundation
import Store
import Support
import Testing

@Suite("SQLite")
struct SQLiteTests {
    @Test("what is acknowledged is on disk: WAL, and every commit is synced")
    func durability() async throws {
        let store = try await TestDatabase.sqlite.open()
        let pragmas = try await store.write { tx in
            [
                try tx.first("PRAGMA synchronous") { try $0.integer() },
                try tx.first("PRAGMA foreign_keys") { try $0.integer() },
                try tx.first("PRAGMA temp_store") { try $0.integer() },
            ]
        }
        #expect(pragmas == [2, 0, 2])
        let mode = try await store.write { tx in try tx.first("PRAGMA journal_mode") { try $0.text() } }
        #expect(mode == "wal")
    }

    @Test("no statement of a job's way is planned anew at each execution")
    func plansKept() async throws {
        let lab = try await Lab(.sqlite)
        var planned: Int64?
        for round in 0..<5 {
            try await lab.submit((0..<12).map { _ in Lab.job() })
            var leases = try await lab.claim(upTo: 8) + lab.claim(upTo: 1)
            for lease in leases.prefix(2) { _ = try await lab.extend(lease) }
            try await lab.release(leases.removeLast())
            try await lab.finish(leases.removeLast(), .failure)
            try await lab.pass(.seconds(10))
            let reports = leases.map { Report(key: $0.key, outcome: Outcome(status: .success, exitCode: 0)) }
            let finished = try await lab.database.write { try $0.finish(reports) }
            #expect(finished.count == 7, "round \(round)")
            let now = try await lab.database.write { tx in
                try tx.first("SELECT SUM(reprep) FROM sqlite_stmt") { try $0.integer() }
            }
            // The first round begins with a schema that was just made.
            #expect(now == planned ?? now, "round \(round)")
            planned = now
        }
    }

    @Test("a database in memory does all that a file does")
    func memory() async throws {
        let store = try await Database.open("sqlite::memory:")
        try await store.makeTables()
        try await store.note("kept")
        #expect(try await store.notes() == ["kept"])
        await #expect(throws: DatabaseError.self) { try await store.read { try $0.execute("DELETE FROM notes") } }
        #expect(await store.health().ok)
        await store.close()
    }

    @Test("while another process writes too long, it is busy, and then it works again")
    func otherWriter() async throws {
        let url = try await TestDatabase.sqlite.freshURL()
        var settings = DatabaseSettings()
        settings.lockTimeoutMilliseconds = 100
        let store = try await TestDatabase.sqlite.open(url, settings: settings)
        try await store.makeTables()
        let other = try await TestDatabase.sqlite.open(url)
        let (running, done) = (Gate(), Gate())
        async let holding: Void = other.write { tx in
            try tx.execute("INSERT INTO notes (text) VALUES ('other')")
            running.open()
            done.wait()
        }
        try await eventually("the other writes") { running.isOpen }
        let error = await #expect(throws: DatabaseError.self) { try await store.note("mine") }
        guard case .busy = error else { throw Refused(why: "\(String(describing: error))") }
        #expect(try await store.notes().isEmpty)
        done.open()
        try await holding
        try await store.note("mine")
        #expect(try await store.notes() == ["other", "mine"])
    }

    @Test("a full disk undoes the transaction and is told as such")
    func full() async throws {
        let store = try await Database.withTables(on: .sqlite)
        try await store.note("before")
        let pages = try await store.write { tx in
            try tx.first("PRAGMA page_count") { try $0.integer() } ?? 0
        }
        try await store.write { try $0.execute(SQL(stringLiteral: "PRAGMA max_page_count = \(pages + 4)")) }
        await #expect(throws: DatabaseError.full) {
            try await store.write { tx in
                try tx.execute("INSERT INTO notes (text) VALUES ('small')")
                try tx.execute("INSERT INTO notes (text) VALUES (\(String(repeating: "x", count: 1_000_000)))")
            }
        }
        #expect(try await store.notes() == ["before"])
        try await store.write { try $0.execute("PRAGMA max_page_count = 1000000") }
        try await store.note("after")
        #expect(try await store.notes() == ["before", "after"])
    }

    @Test("one whose work does not fit on the disk takes nothing from those who share his commit")
    func fullForOne() async throws {
        let store = try await Database.withTables(on: .sqlite)
        let pages = try await store.write { tx in try tx.first("PRAGMA page_count") { try $0.integer() } ?? 0 }
        try await store.write { try $0.execute(SQL(stringLiteral: "PRAGMA max_page_count = \(pages + 8)")) }
        let (running, done) = (Gate(), Gate())
        async let first: Void = store.write { _ in
            running.open()
            done.wait()
        }
        try await eventually("the first runs") { running.isOpen }
        let others = ["a", String(repeating: "x", count: 1_000_000), "b"].map { text in
            Task { try await store.note(text) }
        }
        try await eventually("three wait for one commit") { store.load.waiting == 3 }
        done.open()
        try await first
        try await others[0].value
        await #expect(throws: DatabaseError.full) { try await others[1].value }
        try await others[2].value
        #expect(try await Set(store.notes()) == ["a", "b"])
    }

    @Test("after it is closed the file alone is whole")
    func closed() async throws {
        let url = try await TestDatabase.sqlite.freshURL()
        let store = try await Database.open(url)
        try await store.makeTables()
        for number in 0..<50 { try await store.note("\(number)") }
        await store.close()
        let path = String(url.dropFirst("sqlite:".count))
        try FileManager.default.copyItem(atPath: path, toPath: path + ".copy")
        let copy = try await Database.open("sqlite:\(path).copy")
        #expect(try await copy.notes().count == 50)
        await copy.close()
    }

    @Test("a log that is always written to begins anew, and loses nothing")
    func checkpoints() async throws {
        let url = try await TestDatabase.sqlite.freshURL()
        let store = try await Database.open(url)
        try await store.makeTables()
        let log = String(url.dropFirst("sqlite:".count)) + "-wal"
        let text = String(repeating: "x", count: 500_000)
        var longest: Int64 = 0
        for number in 0..<400 {
            try await store.note("\(number) \(text)")
            let size = try FileManager.default.attributesOfItem(atPath: log)[.size] as? NSNumber
            longest = max(longest, size?.int64Value ?? 0)
        }
        // 200 MB were written.
        #expect(longest > 8 << 20 && longest < 128 << 20)
        #expect(try await store.notes().count == 400)
        await store.close()
    }

    @Test("a path that can't be opened says so")
    func missing() async throws {
        await #expect(throws: DatabaseError.self) { try await Database.open("sqlite:/no/such/place/x.db") }
        await #expect(throws: DatabaseError.self) { try await Database.open("mysql://x") }
    }
}
