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

    /// Calls `body` with slices of at most 64 items, in order. Their sizes are few, so that a statement over many
    /// rows has few texts, whatever the number of rows; and every number up to 64 takes at most two of them, so that
    /// a gathering of callers costs few round trips.
    package static func chunked<Item>(_ items: [Item], _ body: (ArraySlice<Item>) throws -> Void) rethrows {
        var rest = items[...]
        while let size = chunkSizes.first(where: { $0 <= rest.count }) {
            try body(rest.prefix(size))
            rest = rest.dropFirst(size)
        }
    }

    private static let chunkSizes = [64, 56, 48, 40, 32, 28, 24, 20, 16, 14, 12, 10, 8, 7, 6, 5, 4, 3, 2, 1]
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
