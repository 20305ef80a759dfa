import Support
@testable import Store

/// What a database does for a statement.
struct StatementPlan {
    private let tx: Transaction
    /// Tables that a statement may walk.
    private let bounded: Set<String>
    private let indexes: [String: IndexDefinition]
    /// SQLite's indexes that have only some of the rows.
    private let partial: Set<String>

    init(_ tx: Transaction, bounded: Set<String>) throws {
        self.tx = tx
        self.bounded = bounded
        switch tx.sqlEngine {
        case .postgres:
            indexes = try IndexDefinition.all(tx)
            partial = []
        case .sqlite:
            indexes = [:]
            partial = Set(
                try tx.rows("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql LIKE '% WHERE %'") {
                    try $0.text()
                })
        }
    }

    /// What gets slower as a table grows, in the database's words.
    func faults(of sql: SQL) throws -> [String] {
        switch tx.sqlEngine {
        case .sqlite: try sqliteFaults(sql)
        case .postgres: try postgresFaults(sql)
        }
    }

    private func sqliteFaults(_ sql: SQL) throws -> [String] {
        let steps = try tx.rows("EXPLAIN QUERY PLAN \(sql: sql)") { row in
            for _ in 0..<3 { try row.skip() }
            return try row.text()
        }
        // Rows that the statement itself gathers.
        let gathered = Set(
            steps.compactMap { $0.firstMatch(of: #/^(?:MATERIALIZE|CO-ROUTINE) (\w+)/#).map { String($0.output.1) } })
        return steps.filter { step in
            if step.contains("AUTOMATIC") { return true }
            let words = step.split(separator: " ").map { String($0) }
            guard words.first == "SCAN", words.count > 1 else { return false }
            let name = words[1]
            if name == "CONSTANT" || name.hasPrefix("(") || step.contains("-ROW") || step.contains("VIRTUAL TABLE") {
                return false
            }
            if bounded.contains(name) || gathered.contains(name) { return false }
            guard let index = step.firstMatch(of: #/USING (?:COVERING )?INDEX (\w+)/#)?.output.1 else { return true }
            return !partial.contains(String(index)) && !sql.text.contains("LIMIT")
        }
    }

    /// By the generic plan that the server uses for every statement that it has prepared.
    private func postgresFaults(_ sql: SQL) throws -> [String] {
        let types = sql.parameters.map { Self.type(of: $0, sql) }
        let declared = types.isEmpty ? "" : "(\(types.joined(separator: ", ")))"
        let values = types.isEmpty ? "" : "(\(types.map { _ in "NULL" }.joined(separator: ", ")))"
        try tx.execute(SQL(stringLiteral: "PREPARE looked_at \(declared) AS \(SQLEngine.postgres.resolve(sql.text))"))
        let plan = try tx.rows(SQL(stringLiteral: "EXPLAIN (COSTS OFF) EXECUTE looked_at \(values)")) { try $0.text() }
        try tx.execute("DEALLOCATE looked_at")
        // A page in the order of an index, of which the tests of lists say what it reads; where a filter joins, it may
        // be read again and again.
        let (joins, isPage) = (plan.contains { $0.contains("Join Filter:") }, plan.contains { $0.contains("Limit") })
        let walks = IndexDefinition.walks(in: plan).filter { walk in
            joins || !isPage && !(indexes[walk.index]?.isPartial ?? false)
        }
        let others = IndexDefinition.faults(in: plan, indexes).filter { !$0.hasSuffix("as a whole") }
        return (others + walks.map(\.step)).filter { fault in
            guard let table = fault.firstMatch(of: #/ on (\w+)/#)?.output.1 else { return true }
            return !bounded.contains(String(table))
        }
    }

    private static func type(of parameter: SQL.Parameter, _ sql: SQL) -> String {
        switch parameter {
        case .value(let value): type(of: value)
        case .texts: "text[]"
        case .integers: "bigint[]"
        case .column(let index): (sql.rows.map { type(of: $0.cell(0, index)) } ?? "text") + "[]"
        }
    }

    private static func type(of value: Value) -> String {
        switch value {
        case .text: "text"
        case .integer: "bigint"
        case .bytes: "bytea"
        }
    }
}
