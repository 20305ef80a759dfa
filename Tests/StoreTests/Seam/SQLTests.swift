import Support
import Testing
@testable import Store

@Suite("SQL binds what is interpolated")
struct SQLTests {
    @Test("values are numbered in order and never spliced")
    func numbers() {
        let id = "x'; DROP TABLE jobs; --"
        let sql: SQL = "UPDATE jobs SET a = \(Int64(7)), b = \(true), c = \(nil as String?) WHERE id = \(id)"
        #expect(sql.text == "UPDATE jobs SET a = $1, b = $2, c = $3 WHERE id = $4")
        #expect(
            sql.parameters == [.value(.integer(7)), .value(.integer(1)), .value(.text(nil)), .value(.text(id))])
    }

    @Test("a part with values of its own is numbered anew")
    func parts() {
        let part: SQL = "owner = \("a") AND price <> '$' AND state \(in: ["p", "r"])"
        let sql: SQL = "SELECT \(Int64(1)) WHERE \(sql: part) LIMIT \(5)"
        #expect(
            SQLEngine.postgres.resolve(sql.text)
                == "SELECT $1 WHERE owner = $2 AND price <> '$' AND state = ANY($3) LIMIT $4")
        #expect(sql.sqliteText == "SELECT ?1 WHERE owner = ?2 AND price <> '$' AND state IN (?3, ?4) LIMIT ?5")
        #expect(sql.parameters.count == 4)

        var whole: SQL = "WHERE \(raw: "id") = \(1)"
        whole += " AND \(sql: part)"
        #expect(
            SQLEngine.postgres.resolve(whole.text)
                == "WHERE id = $1 AND owner = $2 AND price <> '$' AND state = ANY($3)")

        let joined = ["a = \(1)", "b = \(2)", "c = \(3)"].joined(separator: " OR ") as SQL
        #expect(joined.text == "a = $1 OR b = $2 OR c = $3")
    }

    @Test("lists of many lengths have few texts on SQLite and one on PostgreSQL")
    func lists() {
        let texts = (0...3_000).map { count in "id \(in: (0..<Int64(count)).map { $0 })" as SQL }
        #expect(Set(texts.map(\.text)).count == 1)
        #expect(Set(texts.map(\.sqliteText)).count <= 30)
        #expect(texts[0].sqliteText == "id IN ()")
        #expect(texts[5].sqliteText == "id IN (?1, ?2, ?3, ?4, ?5, ?6)")
        #expect(Set(texts.map(\.sqliteKey)).count == Set(texts.map(\.sqliteText)).count)
    }

    @Test("rows are columns on PostgreSQL and values on SQLite, named in any order")
    func rows() {
        let paid = SQL.Rows("paid", ["account", "amount"], of: [1, 2]) { [.text("a\($0)"), .integer(Int64($0))] }
        let sql: SQL = """
            UPDATE t SET sum = \(paid.amount), at = \(9) \(from: paid) WHERE id \(is: paid.account) AND x = \("y")
            """
        #expect(
            SQLEngine.postgres.resolve(sql.text) == """
                UPDATE t SET sum = paid.amount, at = $3 FROM unnest($1, $2) AS paid (account, amount) \
                WHERE id = ANY(ARRAY[paid.account]) AND x = $4
                """)
        #expect(sql.sqliteText == "UPDATE t SET sum = ?2, at = ?3  WHERE id = ?1 AND x = ?4")
        let insert: SQL = "INSERT INTO t \(inserting: paid)"
        #expect(
            SQLEngine.postgres.resolve(insert.text) == "INSERT INTO t (account, amount) SELECT * FROM unnest($1, $2)")
        #expect(insert.sqliteText == "INSERT INTO t (account, amount) VALUES (?1, ?2)")
    }

    @Test("any number of items is cut into slices, in order")
    func chunks() {
        for count in [0, 1, 499, 500, 501, 1_700] {
            var seen: [Int] = []
            SQL.chunked(Array(0..<count)) {
                #expect(!$0.isEmpty && $0.count <= 500)
                seen += $0
            }
            #expect(seen == Array(0..<count))
        }
    }

    @Test("rows and lists are written and read, NULLs, NULs and mixed types too", arguments: TestDatabase.all)
    func values(kind: TestDatabase) async throws {
        let database = try await kind.open()
        try await database.write { try $0.execute("CREATE TABLE t (id BIGINT PRIMARY KEY, a TEXT, b \(.bytesType))") }
        let items: [(Int64, String?, [UInt8]?)] = [(1, "é", [0, 255]), (2, nil, nil), (3, "", []), (4, "x'y", [1])]
        let rows = SQL.Rows("new", ["id", "a", "b"], of: items) { [.integer($0.0), .text($0.1), .bytes($0.2)] }
        try await database.write { try $0.executeLater("INSERT INTO t \(inserting: rows)", changing: 4) }
        let read = try await database.read { tx in
            try tx.rows("SELECT id, a, b FROM t WHERE id \(in: [4, 3, 2, 1, 9] as [Int64]) ORDER BY id") { row in
                try (row.integer(), row.optionalText(), row.optionalBytes())
            }
        }
        #expect(read.map(\.0) == [1, 2, 3, 4])
        #expect(read.map(\.1) == items.map(\.1))
        #expect(read.map(\.2) == items.map(\.2))
        let none = SQL.Rows("none", ["id"], of: [] as [Int64]) { [.integer($0)] }
        try await database.write { tx in
            let deleted = try tx.execute("DELETE FROM t \(using: none) WHERE id \(is: none.id)")
            #expect(deleted == 0)
            let found = try tx.rows("SELECT id FROM t WHERE a \(in: [] as [String])") { try $0.integer() }
            #expect(found == [])
        }
        let nul = SQL.Rows("nul", ["id", "a"], of: [5, 6]) { [.integer($0), .text($0 == 6 ? "a\0b" : "a")] }
        await #expect(throws: DatabaseError.invalidText) {
            try await database.write { try $0.execute("INSERT INTO t \(inserting: nul)") }
        }
        #expect(try await database.read { try $0.rows("SELECT id FROM t") { try $0.integer() } }.count == 4)
    }

    @Test("a statement that is run later fails its transaction at the commit", arguments: TestDatabase.all)
    func later(kind: TestDatabase) async throws {
        let database = try await kind.open()
        try await database.write { try $0.execute("CREATE TABLE t (id BIGINT PRIMARY KEY)") }
        try await database.write { tx in
            try tx.executeLater("INSERT INTO t (id) VALUES (1)")
            // What reads sees it.
            let count = try tx.first("SELECT COUNT(*) FROM t") { try $0.integer() }
            #expect(count == 1)
            try tx.executeLater("INSERT INTO t (id) VALUES (2)")
        }
        await #expect(throws: DatabaseError.conflict(constraint: "t.id")) {
            try await database.write { tx in
                try tx.executeLater("INSERT INTO t (id) VALUES (3)")
                try tx.executeLater("INSERT INTO t (id) VALUES (2)")
                try tx.executeLater("INSERT INTO t (id) VALUES (4)")
            }
        }
        await #expect(throws: (any Error).self) {
            try await database.write { tx in
                try tx.executeLater("INSERT INTO t (id) VALUES (5)")
                try tx.executeLater("UPDATE t SET id = 9 WHERE id = 8", changing: 1)
            }
        }
        let left = try await database.read { try $0.rows("SELECT id FROM t ORDER BY id") { try $0.integer() } }
        #expect(left == [1, 2])
    }
}
