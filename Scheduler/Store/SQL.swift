/// A statement and its values: an interpolated value is bound, never spliced.
///
///     let due: SQL = "SELECT id FROM jobs WHERE run_at <= \(tx.now) ORDER BY id LIMIT \(limit) \(.skipLocked)"
///
/// The text carries `$1`, `$2` … in order, and stays the same however many rows (`Rows`) or items of a list it is
/// about: the same text is prepared once per connection.
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    /// What a number in the text stands for.
    enum Parameter: Sendable, Equatable {
        case value(Value)
        case texts([String])
        case integers([Int64])
        /// A column of the statement's rows.
        case column(Int)
    }

    package private(set) var text: String
    private(set) var parameters: [Parameter]
    /// The rows that it is about.
    private(set) var rows: Rows?

    package init(stringLiteral text: String) {
        self.text = text
        parameters = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        parameters = stringInterpolation.parameters
        rows = stringInterpolation.rows
    }

    /// Calls `body` with slices of at most 500 items, in order: what one statement reads has a bound.
    package static func chunked<Item>(_ items: [Item], _ body: (ArraySlice<Item>) throws -> Void) rethrows {
        var rest = items[...]
        while !rest.isEmpty {
            try body(rest.prefix(500))
            rest = rest.dropFirst(500)
        }
    }

    package static func += (left: inout SQL, right: SQL) { left = "\(sql: left)\(sql: right)" }
}

extension [SQL] {
    /// The parts in a row, as `"a = $1 AND b = $2"`.
    package func joined(separator: StaticString) -> SQL {
        var whole: SQL = ""
        for (index, part) in enumerated() {
            whole += index == 0 ? part : "\(raw: separator)\(sql: part)"
        }
        return whole
    }
}
