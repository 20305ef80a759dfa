import Foundation
import Store
import Support
import Testing

@Suite("The raw queue that measurements hold the store against")
struct RawQueueTests {
    @Test("rows are claimed once, the oldest first, and are gone when they are complete", arguments: TestDatabase.all)
    func queue(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let queues = try (0..<2).map { _ in try Database.openRawQueue(url, rows: 100) }
        for _ in 0..<3 { try queues[0].insert() }
        try queues[0].analyze()
        let first = try queues[0].claim()
        let second = try queues[1].claim()
        #expect(first.count == 100 && second.count == 100)
        let (newest, oldest) = (try #require(first.max()), try #require(second.min()))
        #expect(newest < oldest)
        try queues[1].complete(first)
        try queues[0].complete(second)
        #expect(try await count(url) == 100)
        #expect(try queues[1].claim().count == 100)
        #expect(try queues[0].claim() == [])
    }

    @Test("one row a commit is one row a call", arguments: TestDatabase.all)
    func single(on database: TestDatabase) async throws {
        let url = try await database.freshURL()
        let queue = try Database.openRawQueue(url, rows: 1)
        #expect(try queue.claim() == [])
        try queue.insert()
        try queue.insert()
        let ids = try queue.claim()
        #expect(ids.count == 1)
        try queue.complete(ids)
        #expect(try await count(url) == 1)
        let length = try await read(url, "SELECT length(payload) FROM raw_queue")
        #expect((100...200).contains(length))
        #expect(try await read(url, "SELECT count(*) FROM raw_queue WHERE state = 'pending'") == 1)
    }

    @Test("a number of rows that is none is refused", arguments: [0, -1, 10_001])
    func sizes(rows: Int) async throws {
        let url = try await TestDatabase.sqlite.freshURL()
        #expect(throws: DatabaseError.self) { try Database.openRawQueue(url, rows: rows) }
    }

    @Test("a database that can't be opened is told")
    func missing() {
        #expect(throws: DatabaseError.self) { try Database.openRawQueue("sqlite:/nowhere/at/all.db", rows: 1) }
        #expect(throws: DatabaseError.self) { try Database.openRawQueue("postgres://127.0.0.1:1/none", rows: 1) }
    }

    private func count(_ url: String) async throws -> Int64 { try await read(url, "SELECT count(*) FROM raw_queue") }

    private func read(_ url: String, _ statement: SQL) async throws -> Int64 {
        let store = try await Database.open(url)
        let found = try await store.read { tx in try tx.first(statement) { try $0.integer() } }
        await store.close()
        return try #require(found)
    }
}
