import Store
import Support
import Testing

@Suite("Values come back as they went in")
struct ValueTests {
    private func table(on database: TestDatabase) async throws -> Database {
        let store = try await database.open()
        try await store.write { tx in
            try tx.execute(
                """
                CREATE TABLE things (
                    key \(.autoKey), text TEXT, number BIGINT, bytes \(.bytesType),
                    CONSTRAINT small CHECK (number <> 13)
                )
                """)
            try tx.execute("CREATE UNIQUE INDEX things_text ON things (text, number)")
        }
        return store
    }

    @Test("texts, numbers, bytes and NULLs", arguments: TestDatabase.all)
    func roundTrip(on database: TestDatabase) async throws {
        let store = try await table(on: database)
        let texts: [String?] = [nil, "", "plain", "żółw 🐝 e\u{301}\u{10FFFF}", String(repeating: "é", count: 100_000)]
        let numbers: [Int64?] = [nil, 0, -1, .max, .min]
        let bytes: [[UInt8]?] = [nil, [], [0], [0, 255, 0], Array(repeating: 0, count: 1_000_000)]
        for ((text, number), bytes) in zip(zip(texts, numbers), bytes) {
            let row = try await store.write { tx in
                try tx.first(
                    """
                    INSERT INTO things (text, number, bytes) VALUES (\(text), \(number), \(bytes))
                    RETURNING text, number, bytes, key
                    """
                ) { row in
                    (try row.optionalText(), try row.optionalInteger(), try row.optionalBytes(), try row.integer())
                }
            }
            let found = try #require(row)
            #expect(found.0 == text && found.0?.utf8.count == text?.utf8.count)
            #expect(found.1 == number)
            #expect(found.2 == bytes)
            #expect(found.3 > 0)
        }
        let sum = try await store.read { tx in
            try tx.first("SELECT sum(number / 2), count(*), count(*) > 3, sum(key) FROM things") { row in
                [try row.integer(), try row.integer(), try row.integer(), try row.integer()]
            }
        }
        #expect(sum == [-1, 5, 1, 15])
    }

    @Test("sums of any size are exact", arguments: TestDatabase.all, [0, 1, 9_999, 10_000, -100_000_000, 1 << 62])
    func sums(on database: TestDatabase, number: Int) async throws {
        let store = try await table(on: database)
        try await store.write { tx in
            let rows = SQL.Rows("numbers", ["number"], of: [number, 1]) { [.int($0)] }
            try tx.execute("INSERT INTO things \(inserting: rows)")
        }
        let sum = try await store.read { tx in
            try tx.first("SELECT sum(number) FROM things") { try $0.int() }
        }
        #expect(sum == number + 1)
    }

    @Test("a text with a NUL is refused, never cut", arguments: TestDatabase.all)
    func nul(on database: TestDatabase) async throws {
        let store = try await table(on: database)
        await #expect(throws: DatabaseError.invalidText) {
            try await store.write { try $0.execute("INSERT INTO things (text) VALUES (\("queenbee\0x"))") }
        }
        let count = try await store.read { tx in try tx.first("SELECT count(*) FROM things") { try $0.integer() } }
        #expect(count == 0)
    }

    @Test("a column is never converted, and none is made up", arguments: TestDatabase.all)
    func types(on database: TestDatabase) async throws {
        let store = try await table(on: database)
        try await store.write { try $0.execute("INSERT INTO things (text, number) VALUES ('12345678', 7)") }
        let reads: [@Sendable (inout Row) throws -> Void] = [
            { _ = try $0.integer() }, { _ = try $0.bytes() },
            {
                try $0.skip()
                _ = try $0.text()
            },
            {
                for _ in 0..<2 { try $0.skip() }
                _ = try $0.bytes()
            },
            { for _ in 0..<4 { try $0.skip() } },
        ]
        for read in reads {
            await #expect(throws: DatabaseError.self) {
                try await store.read { tx in try tx.rows("SELECT text, number, bytes FROM things", read) }
            }
        }
    }

    @Test("what a constraint refuses is named alike", arguments: TestDatabase.all)
    func constraints(on database: TestDatabase) async throws {
        let store = try await table(on: database)
        try await store.write { tx in
            try tx.execute("CREATE TABLE needs (id TEXT PRIMARY KEY, word TEXT NOT NULL)")
            try tx.execute("INSERT INTO needs VALUES ('a', 'b')")
            try tx.execute("INSERT INTO things (text, number) VALUES ('a', 1)")
        }
        func refusal(_ sql: SQL) async -> DatabaseError? {
            do {
                try await store.write { try $0.execute(sql) }
                return nil
            } catch { return error as? DatabaseError }
        }
        #expect(
            await refusal("INSERT INTO things (text, number) VALUES ('a', 1)")
                == .conflict(constraint: "things.text, things.number"))
        #expect(await refusal("INSERT INTO needs VALUES ('a', 'c')") == .conflict(constraint: "needs.id"))
        #expect(await refusal("INSERT INTO needs VALUES ('b', NULL)") == .checkFailed("needs.word"))
        #expect(await refusal("INSERT INTO things (number) VALUES (13)") == .checkFailed("small"))
        #expect(await refusal("INSERT INTO things (text, number) VALUES ('a', 1) ON CONFLICT DO NOTHING") == nil)
    }

    @Test("a statement tells how many rows it changed", arguments: TestDatabase.all)
    func changes(on database: TestDatabase) async throws {
        let store = try await table(on: database)
        let counts = try await store.write { tx in
            [
                try tx.execute("INSERT INTO things (number) VALUES (1), (2), (3)"),
                try tx.execute("UPDATE things SET text = 'x' WHERE number > 1"),
                try tx.execute("UPDATE things SET text = 'x' WHERE number > 5"),
                try tx.execute("CREATE TABLE other (id BIGINT)"),
                try tx.execute("SELECT * FROM things"),
                try tx.execute("DELETE FROM things WHERE number < 3"),
            ]
        }
        #expect(counts == [3, 2, 0, 0, 3, 2])
    }
}
