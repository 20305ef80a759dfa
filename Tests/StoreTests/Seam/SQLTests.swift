import Store
import Testing

@Suite("SQL binds what is interpolated")
struct SQLTests {
    @Test("values are numbered in order and never spliced")
    func numbers() {
        let id = "x'; DROP TABLE jobs; --"
        let sql: SQL = "UPDATE jobs SET a = \(Int64(7)), b = \(true), c = \(nil as String?) WHERE id = \(id)"
        #expect(sql.text == "UPDATE jobs SET a = $1, b = $2, c = $3 WHERE id = $4")
        #expect(sql.values == [.integer(7), .integer(1), .text(nil), .text(id)])
    }

    @Test("a part with values of its own is numbered anew")
    func parts() {
        let part: SQL = "owner = \("a") AND price <> '$' AND state IN (\(list: ["p", "r"]))"
        let sql: SQL = "SELECT \(Int64(1)) WHERE \(sql: part) LIMIT \(5)"
        #expect(sql.text == "SELECT $1 WHERE owner = $2 AND price <> '$' AND state IN ($3, $4) LIMIT $5")
        #expect(sql.values.count == 5)

        var whole: SQL = "WHERE \(raw: "id") = \(1)"
        whole += " AND \(sql: part)"
        #expect(whole.text == "WHERE id = $1 AND owner = $2 AND price <> '$' AND state IN ($3, $4)")

        let joined = ["a = \(1)", "b = \(2)", "c = \(3)"].joined(separator: " OR ") as SQL
        #expect(joined.text == "a = $1 OR b = $2 OR c = $3")
    }

    @Test("an empty list matches nothing")
    func emptyList() {
        let sql: SQL = "id IN (\(list: [] as [String]))"
        #expect(sql.text == "id IN (NULL)")
        #expect(sql.values.isEmpty)
    }

    @Test("rows become numbered brackets, also after other values and past a hundred")
    func rows() {
        let rows: [[Value]] = (0..<2).map { [.integer($0), .text("t")] }
        let sql: SQL = "\(9) VALUES \(rows: rows)"
        #expect(sql.text == "$1 VALUES ($2, $3), ($4, $5)")
        #expect(sql.values == [.integer(9), .integer(0), .text("t"), .integer(1), .text("t")])

        let many = [[Value]](repeating: [Value](repeating: .integer(0), count: 20), count: 64)
        let wide: SQL = "\(rows: many)"
        #expect(wide.text.hasPrefix("($1, $2, "))
        #expect(wide.text.contains("$99, $100), ($101, "))
        #expect(wide.text.hasSuffix("$1279, $1280)"))
        #expect(wide.values.count == 1_280)
    }

    @Test("any number of items is cut into slices of few sizes, in order")
    func chunks() {
        var allSizes: Set<Int> = []
        for count in 0...200 {
            var sizes: [Int] = []
            var seen: [Int] = []
            SQL.chunked(Array(0..<count)) {
                sizes.append($0.count)
                seen += $0
            }
            #expect(seen == Array(0..<count))
            #expect(sizes.count <= count / 64 + 2)
            allSizes.formUnion(sizes)
        }
        #expect(allSizes.count <= 20)
    }
}
