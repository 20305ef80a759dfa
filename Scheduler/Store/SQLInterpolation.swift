extension SQL {
    package struct StringInterpolation: StringInterpolationProtocol {
        var text = ""
        var parameters: [Parameter] = []
        var rows: Rows?
        /// The number of the rows' first column.
        private var firstColumn: Int?

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 4)
            parameters.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text.append(literal) }

        package mutating func appendInterpolation(_ value: Value) {
            parameters.append(.value(value))
            text.append("$")
            text.append(String(parameters.count))
        }

        package mutating func appendInterpolation(_ text: String?) { appendInterpolation(.text(text)) }
        package mutating func appendInterpolation(_ number: Int64?) { appendInterpolation(.integer(number)) }
        package mutating func appendInterpolation(_ number: Int?) { appendInterpolation(.int(number)) }
        package mutating func appendInterpolation(_ flag: Bool?) { appendInterpolation(.bool(flag)) }
        package mutating func appendInterpolation(_ bytes: [UInt8]?) { appendInterpolation(.bytes(bytes)) }

        /// What differs between the two databases: `\(.skipLocked)`.
        package mutating func appendInterpolation(_ clause: Clause) { text.append(clause.mark) }

        /// Text as it is: names of tables and columns, known when the program is compiled.
        package mutating func appendInterpolation(raw text: StaticString) { self.text.append(text) }

        /// A part with values of its own.
        package mutating func appendInterpolation(sql part: SQL) {
            text.append(numbered: part, after: parameters.count)
            if let rows = part.rows, let first = part.parameters.firstIndex(of: .column(0)) {
                self.rows = rows
                firstColumn = firstColumn ?? parameters.count + first + 1
            }
            parameters.append(contentsOf: part.parameters)
        }

        /// A condition on the column before it: `id \(in: ids)`. Nothing is in an empty list.
        package mutating func appendInterpolation(in items: some Collection<String>) {
            parameters.append(.texts(Array(items)))
            appendList()
        }

        /// A condition on the column before it: `seq \(in: numbers)`. Nothing is in an empty list.
        package mutating func appendInterpolation(in items: some Collection<Int64>) {
            parameters.append(.integers(Array(items)))
            appendList()
        }

        private mutating func appendList() {
            text.append(postgres: "= ANY($\(parameters.count))", sqlite: "IN ($\(parameters.count)*)")
        }
    }
}

extension SQL.StringInterpolation {
    /// A value of the rows.
    package mutating func appendInterpolation(_ column: SQL.Rows.Column) {
        text.append(postgres: "\(column.rows.alias).\(column.name)", sqlite: number(of: column))
    }

    /// A condition on the column before it, which has to have an index: `live_jobs.id \(is: ready.id)`.
    ///
    /// Written so, PostgreSQL can't use it to join but by an index of that column, on an empty table too: an equality
    /// would let it walk the whole index, which looks cheapest while there is nothing, and keep to that. For the same
    /// reason no other index may have the column but as its first: `CREATE INDEX … (owner_id, id) WHERE owner_id IS NOT
    /// NULL` is one that a statement without an owner can't use.
    package mutating func appendInterpolation(is column: SQL.Rows.Column) {
        text.append(
            postgres: "= ANY(ARRAY[\(column.rows.alias).\(column.name)])", sqlite: "= " + number(of: column))
    }

    /// How many bytes a column's text has; on PostgreSQL without reading it.
    package mutating func appendInterpolation(octetsOf column: StaticString) {
        text.append(postgres: "octet_length(\(column))", sqlite: "LENGTH(CAST(\(column) AS BLOB))")
    }

    /// The rows as a source of an `UPDATE`.
    package mutating func appendInterpolation(from rows: SQL.Rows) { append(rows, "FROM ") }

    /// The rows as a source of a `DELETE`.
    package mutating func appendInterpolation(using rows: SQL.Rows) { append(rows, "USING ") }

    /// The rows as one more table of a `SELECT`, after another.
    package mutating func appendInterpolation(and rows: SQL.Rows) { append(rows, ", ") }

    /// All that an `INSERT` inserts, after the name of the table, whose columns the rows are named by.
    package mutating func appendInterpolation(inserting rows: SQL.Rows) {
        let numbers = numbers(of: rows)
        text.append("(\(names(of: rows))) ")
        text.append(postgres: .allRows(ofColumns: numbers), sqlite: "VALUES (\(numbers))")
    }

    private mutating func append(_ rows: SQL.Rows, _ word: String) {
        let numbers = numbers(of: rows)
        text.append(postgres: "\(word)unnest(\(numbers)) AS \(rows.alias) (\(names(of: rows)))", sqlite: "")
    }

    private func names(of rows: SQL.Rows) -> String {
        rows.names.map(\.description).joined(separator: ", ")
    }

    private mutating func number(of column: SQL.Rows.Column) -> String {
        let first = place(column.rows)
        // A column that isn't there has no number: both databases refuse the statement.
        guard let index = column.rows.names.firstIndex(where: { $0.description == column.name }) else { return "$" }
        return "$\(first + index)"
    }

    private mutating func numbers(of rows: SQL.Rows) -> String {
        let first = place(rows)
        return rows.names.indices.map { "$\(first + $0)" }.joined(separator: ", ")
    }

    /// The number of the first column; its rows become those of the statement.
    private mutating func place(_ rows: SQL.Rows) -> Int {
        if let firstColumn { return firstColumn }
        let first = parameters.count + 1
        self.rows = rows
        firstColumn = first
        parameters += rows.names.indices.map { .column($0) }
        return first
    }
}

extension String {
    fileprivate mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { append(contentsOf: String(decoding: $0, as: UTF8.self)) }
    }

    /// Appends a part's text, its numbers moved up by `count`.
    fileprivate mutating func append(numbered part: SQL, after count: Int) {
        guard count > 0, !part.parameters.isEmpty else { return append(part.text) }
        var rest = part.text.utf8[...]
        while let dollar = rest.firstIndex(of: UInt8(ascii: "$")) {
            append(contentsOf: Substring(rest[...dollar]))
            rest = rest[part.text.utf8.index(after: dollar)...]
            let digits = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
            guard let number = Int(Substring(digits)) else { continue }
            append(String(number + count))
            rest = rest[digits.endIndex...]
        }
        append(contentsOf: Substring(rest))
    }
}
