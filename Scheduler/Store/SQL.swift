/// A statement and its values: an interpolated value is bound, never spliced.
///
///     let due: SQL = "SELECT id FROM jobs WHERE run_at <= \(tx.now) ORDER BY id LIMIT \(limit) \(.skipLocked)"
///
/// The text carries `$1`, `$2` … in order. One statement per value; the same text is prepared once per connection,
/// so write texts that repeat (see `chunked`).
package struct SQL: Sendable, ExpressibleByStringInterpolation {
    package private(set) var text: String
    package private(set) var values: [Value]

    package init(stringLiteral text: String) {
        self.text = text
        values = []
    }

    package init(stringInterpolation: StringInterpolation) {
        text = stringInterpolation.text
        values = stringInterpolation.values
    }

    package static func += (left: inout SQL, right: SQL) {
        left.text.append(numbered: right, after: left.values.count)
        left.values.append(contentsOf: right.values)
    }

    /// Calls `body` with slices of 64, 32, 16 … 1 items, in order: a statement over many rows then has at most
    /// seven texts, whatever the number of rows.
    package static func chunked<Item>(_ items: [Item], _ body: (ArraySlice<Item>) throws -> Void) rethrows {
        var rest = items[...]
        var size = 64
        while !rest.isEmpty {
            while size > rest.count { size /= 2 }
            try body(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
    }
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
