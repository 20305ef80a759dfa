package import Store

/// What an index of PostgreSQL's is for.
package struct IndexDefinition: Sendable {
    /// Its first column; nil if that is an expression.
    let lead: String?
    /// Whether it has only some of the rows, of which few are alive at a time.
    package let isPartial: Bool

    package static func all(_ tx: Transaction) throws -> [String: IndexDefinition] {
        let found = try tx.rows("SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema()") {
            row in
            (try row.text(), try row.text())
        }
        return Dictionary(
            uniqueKeysWithValues: found.map { name, definition in
                (
                    name,
                    IndexDefinition(lead: lead(of: definition), isPartial: definition.contains(" WHERE "))
                )
            })
    }

    /// The first column in the text that made an index; nil if that is an expression.
    package static func lead(of definition: String) -> String? {
        let columns = definition.split(separator: "(", maxSplits: 1).last ?? ""
        let lead = columns.prefix { $0.isLetter || $0 == "_" }
        return lead.isEmpty ? nil : String(lead)
    }

    /// The steps of a plan that read an index: which, and by what condition; nil for one read from its beginning.
    private static func scans(in plan: [String]) -> [(step: String, index: String, condition: String?)] {
        plan.enumerated().compactMap { number, line in
            guard let name = line.firstMatch(of: #/Index (?:Only )?Scan (?:Backward )?using (\w+) on/#)?.output.1 else {
                return nil
            }
            let own = plan.dropFirst(number + 1).prefix { !$0.contains("->") }
            return (line, String(name), own.first { $0.contains("Index Cond:") })
        }
    }

    /// The steps of a plan that read an index from its beginning, and the index of each.
    package static func walks(in plan: [String]) -> [(step: String, index: String)] {
        scans(in: plan).filter { $0.condition == nil }.map { ($0.step, $0.index) }
    }

    /// What a plan does that gets slower as a table grows: a whole table, a whole index, or an index of which the
    /// first column isn't given.
    package static func faults(in plan: [String], _ indexes: [String: IndexDefinition]) -> [String] {
        var faults = plan.filter { $0.contains("Seq Scan") }
        for scan in scans(in: plan) {
            guard let index = indexes[scan.index] else { continue }
            if let condition = scan.condition {
                guard let lead = index.lead, !condition.contains(lead) else { continue }
                faults.append("\(scan.step) without \(lead):\(condition)")
            } else if !index.isPartial {
                faults.append(scan.step + " as a whole")
            }
        }
        return faults
    }
}
