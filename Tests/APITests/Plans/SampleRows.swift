import Store

/// Rows of any kind, in all tables that grow, so that PostgreSQL's statistics say that they are large. What they say
/// makes no sense; a number makes each of a table's rows another.
struct SampleRows {
    private struct Column {
        let table: String
        let name: String
        let type: String
        let isNullable: Bool
    }

    private let choices: [String: [String]]

    /// Takes all checks away: what a row says need not be allowed.
    init(_ tx: Transaction) throws {
        choices = try Self.choices(tx)
        let checks = try tx.rows(
            """
            SELECT conrelid::regclass::text, conname::text FROM pg_constraint
            WHERE contype IN ('c', 'f') AND connamespace = current_schema()::regnamespace
            """
        ) { row in (try row.text(), try row.text()) }
        for (table, name) in checks {
            try tx.execute(SQL(stringLiteral: "ALTER TABLE \(table) DROP CONSTRAINT \(name)"))
        }
    }

    /// Adds the rows of these numbers to each table but the bounded ones.
    func fill(_ tx: Transaction, _ numbers: ClosedRange<Int>, except bounded: Set<String>) throws {
        let columns = try tx.rows(
            """
            SELECT table_name::text, column_name::text, data_type::text, is_nullable::text
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1, 2
            """
        ) { row in
            Column(
                table: try row.text(), name: try row.text(), type: try row.text(), isNullable: try row.text() == "YES")
        }
        let series = "generate_series(\(numbers.lowerBound), \(numbers.upperBound))"
        for (table, columns) in Dictionary(grouping: columns, by: \.table) where !bounded.contains(table) {
            let values = columns.map { Self.value(of: $0, choices["\(table).\($0.name)"]) }
            try tx.execute(
                SQL(
                    stringLiteral: """
                        INSERT INTO \(table) (\(columns.map(\.name).joined(separator: ", "))) OVERRIDING SYSTEM VALUE
                        SELECT \(values.joined(separator: ", ")) FROM \(series) AS n
                        ON CONFLICT DO NOTHING
                        """))
        }
    }

    /// The words that a column may be, by `table.column`: `CHECK (state = ANY (ARRAY['a'::text, 'b'::text]))`.
    private static func choices(_ tx: Transaction) throws -> [String: [String]] {
        let definitions = try tx.rows(
            """
            SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE contype = 'c' AND connamespace = current_schema()::regnamespace
            """
        ) { row in (try row.text(), try row.text()) }
        var choices: [String: [String]] = [:]
        for (table, definition) in definitions {
            guard let match = definition.firstMatch(of: #/\(\(?(\w+) = ANY \(+ARRAY\[([^\]]*)\]/#) else { continue }
            choices["\(table).\(match.output.1)"] = match.output.2.matches(of: #/'([^']*)'/#).map {
                String($0.output.1)
            }
        }
        return choices
    }

    private static func value(of column: Column, _ choices: [String]?) -> String {
        var value: String
        switch column.type {
        case "bytea": value = "'\\x00'::bytea"
        case "text":
            value = "'x' || n"
            if let choices, !choices.isEmpty {
                value = "(ARRAY[\(choices.map { "'\($0)'" }.joined(separator: ", "))])[1 + n % \(choices.count)]"
            }
        default: value = column.name.hasPrefix("is_") ? "n % 2" : "n"
        }
        if column.isNullable { value = "CASE WHEN n % 3 > 0 THEN \(value) END" }
        return value
    }
}
