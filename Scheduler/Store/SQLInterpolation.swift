extension SQL {
    package struct StringInterpolation: StringInterpolationProtocol {
        var text = ""
        var values: [Value] = []

        package init(literalCapacity: Int, interpolationCount: Int) {
            text.reserveCapacity(literalCapacity + interpolationCount * 4)
            values.reserveCapacity(interpolationCount)
        }

        package mutating func appendLiteral(_ literal: String) { text.append(literal) }

        package mutating func appendInterpolation(_ value: Value) {
            values.append(value)
            text.append("$")
            text.append(String(values.count))
        }

        package mutating func appendInterpolation(_ text: String?) { appendInterpolation(.text(text)) }
        package mutating func appendInterpolation(_ number: Int64?) { appendInterpolation(.integer(number)) }
        package mutating func appendInterpolation(_ number: Int?) { appendInterpolation(.int(number)) }
        package mutating func appendInterpolation(_ flag: Bool?) { appendInterpolation(.bool(flag)) }
        package mutating func appendInterpolation(_ bytes: [UInt8]?) { appendInterpolation(.bytes(bytes)) }

        /// What differs between the two databases: `\(.skipLocked)`.
        package mutating func appendInterpolation(_ clause: Clause) { text.append(clause.mark) }

        /// Text as it is: names of tables and columns, known when the program is compiled.
        package mutating func appendInterpolation(raw text: StaticString) {
            text.withUTF8Buffer { self.text.append(String(decoding: $0, as: UTF8.self)) }
        }

        /// A part with values of its own.
        package mutating func appendInterpolation(sql part: SQL) {
            text.append(numbered: part, after: values.count)
            values.append(contentsOf: part.values)
        }

        /// `$1, $2` for `IN (…)`; `NULL` if there are none, which is in no list.
        package mutating func appendInterpolation(list items: some Collection<String>) {
            append(list: items.map { .text($0) })
        }

        /// `$1, $2` for `IN (…)`; `NULL` if there are none, which is in no list.
        package mutating func appendInterpolation(list items: some Collection<Int64>) {
            append(list: items.map { .integer($0) })
        }

        /// `($1, $2), ($3, $4)` for `VALUES`.
        package mutating func appendInterpolation(rows: [[Value]]) {
            text.append(.placeholders(rows.lazy.map(\.count), after: values.count, brackets: true))
            values.reserveCapacity(values.count + rows.count * (rows.first?.count ?? 0))
            for row in rows { values.append(contentsOf: row) }
        }

        private mutating func append(list items: [Value]) {
            guard !items.isEmpty else { return text.append("NULL") }
            text.append(.placeholders(CollectionOfOne(items.count), after: values.count, brackets: false))
            values.append(contentsOf: items)
        }
    }
}

extension String {
    /// Appends a part's text, its numbers moved up by `count`.
    mutating func append(numbered part: SQL, after count: Int) {
        guard count > 0, !part.values.isEmpty else { return append(part.text) }
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

    /// The numbered places of rows of these widths, written as bytes: statements of a thousand values are common.
    fileprivate static func placeholders(
        _ widths: some Collection<Int>, after count: Int, brackets: Bool
    ) -> String {
        let cells = widths.reduce(0, +)
        let digits = String(count + cells).utf8.count
        return String(unsafeUninitializedCapacity: cells * (digits + 3) + widths.count * 4) { space in
            var end = 0
            var number = count
            func put(_ byte: UInt8) {
                space[end] = byte
                end += 1
            }
            func separate() {
                put(UInt8(ascii: ","))
                put(UInt8(ascii: " "))
            }
            for (row, width) in widths.enumerated() {
                if row > 0 { separate() }
                if brackets { put(UInt8(ascii: "(")) }
                for column in 0..<width {
                    if column > 0 { separate() }
                    number += 1
                    put(UInt8(ascii: "$"))
                    var scale = 1
                    while number / scale >= 10 { scale *= 10 }
                    while scale > 0 {
                        put(UInt8(ascii: "0") + UInt8(number / scale % 10))
                        scale /= 10
                    }
                }
                if brackets { put(UInt8(ascii: ")")) }
            }
            return end
        }
    }
}
