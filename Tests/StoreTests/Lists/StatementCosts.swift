import Support
import Testing
@testable import Store

/// Runs the statements of a transaction and asks the database about each of them how it does that.
final class StatementCosts: SQLConnection {
    /// What is known of one statement.
    struct Cost {
        let text: String
        /// Rows of tables and indexes that were read; nil where the database doesn't tell.
        let rows: Int64?
        /// What no statement may do, in the database's words.
        let faults: [String]
    }

    private let tx: Transaction
    private let tables: Set<String>
    /// What the server says of its indexes, by name.
    private let indexes: [String: IndexDefinition]
    /// Whether statements are run to see what they read; else only their plans are looked at.
    private let counts: Bool
    private(set) var costs: [Cost] = []

    private init(_ tx: Transaction, counts: Bool) throws {
        self.tx = tx
        self.counts = counts
        indexes = tx.sqlEngine == .postgres && !counts ? try IndexDefinition.all(tx) : [:]
        switch tx.sqlEngine {
        case .sqlite:
            let names = try tx.rows("SELECT name FROM sqlite_schema WHERE type = 'table'") { try $0.text() }
            // As the lists call some of them.
            tables = Set(names + ["comments", "sender", "recipient"])
        case .postgres: tables = []
        }
    }

    /// What the statements of `body` cost.
    static func of(
        _ tx: Transaction, counts: Bool = true, _ body: (Transaction) throws -> Void
    ) throws -> [Cost] {
        let recorder = try StatementCosts(tx, counts: counts)
        let recorded = Transaction(recorder, sqlEngine: tx.sqlEngine, clock: { tx.now })
        try body(recorded)
        return recorder.costs
    }

    func run(_ sql: SQL, _ each: (inout Row) throws -> Bool) throws -> Int {
        // What is about no rows does nothing.
        if sql.rows?.count == 0 { return 0 }
        costs.append(tx.sqlEngine == .sqlite ? try sqliteCost(sql) : try postgresCost(sql))
        guard sql.text.hasPrefix("SELECT") || sql.text.hasPrefix("WITH") || sql.text.contains("RETURNING") else {
            return try tx.execute(sql)
        }
        var isWanted = true
        let found: [Void] = try tx.rows(sql) { row in
            if isWanted { isWanted = try each(&row) }
        }
        return found.count
    }

    private func sqliteCost(_ sql: SQL) throws -> Cost {
        let steps = try tx.rows("EXPLAIN QUERY PLAN \(sql: sql)") { row in
            for _ in 0..<3 { try row.skip() }
            return try row.text()
        }
        let faults = steps.filter { step in
            let words = step.split(separator: " ")
            guard words.first == "SCAN", words.count > 1 else { return false }
            return tables.contains(String(words[1])) && !step.contains("USING")
        }
        return Cost(text: sql.text, rows: nil, faults: faults)
    }

    /// By the generic plan that the server uses for every statement that it has prepared.
    private func postgresCost(_ sql: SQL) throws -> Cost {
        let types = sql.parameters.map { parameter in
            switch parameter {
            case .value(let value): Self.type(of: value)
            case .texts: "text[]"
            case .integers: "bigint[]"
            case .column(let index): (sql.rows?.cell(0, index)).map { Self.type(of: $0) + "[]" } ?? "text[]"
            }
        }
        let values = zip(sql.parameters, types).map { parameter, type in
            switch parameter {
            case .value(let value): Self.literal(value)
            case .texts(let texts): Self.array(texts.map { .text($0) }, type)
            case .integers(let numbers): Self.array(numbers.map { .integer($0) }, type)
            case .column(let index): Self.array(sql.rows.map { Array($0.column(index)) } ?? [], type)
            }
        }
        let parameters = types.isEmpty ? "" : "(\(types.joined(separator: ", ")))"
        let arguments = values.isEmpty ? "" : "(\(values.joined(separator: ", ")))"
        try tx.execute(SQL(stringLiteral: "PREPARE looked_at \(parameters) AS \(SQLEngine.postgres.resolve(sql.text))"))
        let options = counts ? "ANALYZE, COSTS OFF, TIMING OFF" : "COSTS OFF"
        let explain = SQL(stringLiteral: "EXPLAIN (\(options)) EXECUTE looked_at \(arguments)")
        let plan = try tx.rows(explain) { try $0.text() }
        try tx.execute("DEALLOCATE looked_at")
        guard counts else { return Cost(text: sql.text, rows: nil, faults: IndexDefinition.faults(in: plan, indexes)) }
        return Cost(text: sql.text, rows: Self.rows(of: plan), faults: plan.filter { $0.contains("Seq Scan") })
    }

    private static func type(of value: Value) -> String {
        switch value {
        case .text: "text"
        case .integer: "bigint"
        case .bytes: "bytea"
        }
    }

    private static func literal(_ value: Value) -> String {
        switch value {
        case .text(let text): text.map { "'\($0.replacing("'", with: "''"))'" } ?? "NULL"
        case .integer(let number): number.map { "'\($0)'" } ?? "NULL"
        case .bytes: "NULL"
        }
    }

    private static func array(_ values: [Value], _ type: String) -> String {
        "ARRAY[\(values.map(literal).joined(separator: ", "))]::\(type)"
    }

    /// What all nodes that read a table or an index gave and threw away:
    /// `Index Scan using x on y (actual rows=101 loops=4)`, `Rows Removed by Filter: 7`.
    static func rows(of plan: [String]) -> Int64 {
        var (sum, loops, isTable) = (Int64(0), Int64(0), false)
        for line in plan {
            if let node = line.firstMatch(of: #/\(actual rows=(\d+)(?:\.\d+)? loops=(\d+)\)/#) {
                loops = Int64(node.output.2) ?? 0
                isTable = line.contains("Index Scan") || line.contains("Index Only Scan") || line.contains("Seq Scan")
                if isTable { sum += (Int64(node.output.1) ?? 0) * loops }
            } else if isTable, let removed = line.firstMatch(of: #/Rows Removed by (?:Filter|Index Recheck): (\d+)/#) {
                sum += (Int64(removed.output.1) ?? 0) * loops
            }
        }
        return sum
    }
}

/// A list, and how it is read.
struct CostedList: Sendable {
    let name: String
    let read: @Sendable (Transaction) throws -> Void

    init(_ name: String, _ read: @escaping @Sendable (Transaction) throws -> Void) {
        self.name = name
        self.read = read
    }

    /// The most rows that a statement may read.
    private static let most = Int64(1_000)

    /// Looks at every statement of these lists. PostgreSQL keeps the plan that it made first: with and without
    /// statistics it must be bounded.
    static func expectBounded(
        _ lists: [CostedList], in lab: Lab, isWriting: Bool = false, at place: SourceLocation = #_sourceLocation
    ) async throws {
        for hasStatistics in [false, true] {
            if hasStatistics { try await lab.database.write { try $0.noteStatistics() } }
            let look: @Sendable (Transaction) throws -> [(String, [StatementCosts.Cost])] = { tx in
                try lists.map { list in (list.name, try StatementCosts.of(tx, list.read)) }
            }
            let looked = try await isWriting ? lab.database.write(look) : lab.database.read(look)
            for (name, costs) in looked {
                #expect(!costs.isEmpty, "\(name)", sourceLocation: place)
                for cost in costs where !cost.faults.isEmpty || cost.rows ?? 0 > most {
                    Issue.record(
                        "\(name) reads \(cost.rows ?? -1) rows: \(cost.faults) in \(cost.text)", sourceLocation: place)
                }
            }
            let largest = looked.flatMap { name, costs in costs.map { ($0.rows ?? 0, name) } }.max { $0.0 < $1.0 }
            print("measured: \(looked.count) lists on \(lab.kind), at most \(largest.map { "\($0)" } ?? "none")")
        }
    }
}
