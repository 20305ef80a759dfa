import Bytes
import Store

/// Everything that a database holds, table by table, as digests: to see that nothing changed.
struct DatabaseContents: Sendable, Equatable {
    let tables: [String: String]

    /// The names of the tables in which the two differ.
    func differences(from other: DatabaseContents) -> [String] {
        Set(tables.keys).union(other.tables.keys).filter { tables[$0] != other.tables[$0] }.sorted()
    }

    static func read(_ database: Database) async throws -> DatabaseContents {
        DatabaseContents(tables: try await texts(of: database).mapValues { SHA256.hex($0) })
    }

    /// Each table's rows, as the database writes them.
    static func texts(of database: Database) async throws -> [String: String] {
        let pairs = try await database.read { tx in
            let query = try tx.sqlEngine == .sqlite ? sqliteQuery(tx) : postgresQuery(tx)
            return try tx.rows(SQL(stringLiteral: query)) { row in (try row.text(), try row.text()) }
        }
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    private static func sqliteQuery(_ tx: Transaction) throws -> String {
        let names = try tx.rows(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        ) { try $0.text() }
        return try names.map { name in
            let columns = try tx.rows("SELECT name FROM pragma_table_info(\(name)) ORDER BY cid") { try $0.text() }
            let line = columns.map { "quote(\"\($0)\")" }.joined(separator: " || ',' || ")
            return
                "SELECT '\(name)', COALESCE((SELECT group_concat(line, ';') FROM (SELECT \(line) AS line "
                + "FROM \"\(name)\" ORDER BY 1)), '')"
        }.joined(separator: " UNION ALL ")
    }

    private static func postgresQuery(_ tx: Transaction) throws -> String {
        let names = try tx.rows(
            "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1"
        ) { try $0.text() }
        return names.map { name in
            "SELECT '\(name)', COALESCE((SELECT string_agg(CAST(t AS TEXT), ';' ORDER BY CAST(t AS TEXT)) "
                + "FROM \"\(name)\" AS t), '')"
        }.joined(separator: " UNION ALL ")
    }
}
