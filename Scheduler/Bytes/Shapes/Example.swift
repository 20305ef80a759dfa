extension Schema {
    /// The same, with a value that shows what it is like; it is not looked at whether the schema allows it.
    package func example(_ value: JSON) -> Schema { .exemplified(self, value) }

    /// A value that the schema allows, for the document: the one that it was given, else what `words` has for the name
    /// of the property and the schema allows, else the plainest of its kind. What is optional and null, or null by
    /// `words`, is left out.
    package func example(named name: String = "", by words: [String: JSON]) -> JSON {
        switch self {
        case .exemplified(_, let value), .constant(let value): return value
        case .noted(let schema, _), .named(_, let schema), .nullable(let schema):
            return schema.example(named: name, by: words)
        case .either(let schemas): return schemas.first?.example(named: name, by: words) ?? .null
        case .embedded(let schema): return .string(schema.example(named: name, by: words).text(.compact))
        case .options(let options): return options.first.map { .string($0) } ?? .null
        case .boolean: return words[name].flatMap { $0.bool == nil ? nil : $0 } ?? true
        case .bytes: return "…"
        case .anything: return words[name] ?? [:]
        case .anyObject: return words[name].flatMap { $0.members == nil ? nil : $0 } ?? [:]
        case .map(let schema): return .object([JSON.Member("NAME", schema.example(named: name, by: words))])
        case .list(let element, let counts):
            let count = max(1, counts?.lowerBound ?? 1)
            return words[name].flatMap { $0.array == nil ? nil : $0 }
                ?? .array(Array(repeating: element.example(named: name, by: words), count: count))
        case .record(let properties):
            return .object(
                properties.compactMap { property in
                    if !property.isRequired, words[property.name]?.isNull == true { return nil }
                    let value = property.schema.example(named: property.name, by: words)
                    return value.isNull && !property.isRequired ? nil : JSON.Member(property.name, value)
                })
        case .number: return words[name].flatMap { $0.double == nil ? nil : $0 } ?? 1
        case .whole(let range):
            let range = range ?? 1 ... .max
            return JSON(words[name]?.int.flatMap { range.contains($0) ? $0 : nil } ?? range.lowerBound)
        case .text(_, _, "date-time"): return "2026-01-31T12:00:00Z"
        case .text(_, _, "uuid"): return "019c1390-4000-7c4e-9b1f-3a5c7e9d1b2f"
        case .text(let lengths, _, _):
            let lengths = lengths ?? 0 ... .max
            let word = words[name]?.string.flatMap { lengths.contains($0.unicodeScalars.count) ? $0 : nil }
            return .string(word ?? String(repeating: "a", count: max(1, lengths.lowerBound)))
        }
    }
}
