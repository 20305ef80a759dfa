import Bytes

/// Holds values that were sent against the schema that is published for them: neither may have a field that the other
/// lacks. What is optional must have come and been left out, and what may be null must have been null and not, or else
/// nothing was shown of it. (Types and bounds are held by `ControlPlane.send`.)
struct SentFields {
    private(set) var flaws: [String] = []

    init(_ values: [JSON], as schema: Schema) { hold(values, schema, at: "$") }

    private mutating func hold(_ values: [JSON], _ schema: Schema, at place: String) {
        guard !values.isEmpty else { return flaws.append("\(place) was never sent") }
        switch schema {
        case .named(_, let schema), .noted(let schema, _), .exemplified(let schema, _): hold(values, schema, at: place)
        case .record(let properties): record(values, properties, at: place)
        case .list(let element, _):
            if values.contains(where: { $0.array == nil }) { flaws.append("\(place) is no array") }
            hold(values.flatMap { $0.array ?? [] }, element, at: "\(place)[]")
        case .map(let element):
            if values.contains(where: { $0.members == nil }) { flaws.append("\(place) is no object") }
            hold(values.flatMap { $0.members ?? [] }.map(\.value), element, at: "\(place){}")
        case .nullable(let schema):
            if !values.contains(where: \.isNull) { flaws.append("\(place) was never null") }
            hold(values.filter { !$0.isNull }, schema, at: place)
        case .either(let options):
            var rest = values
            for (index, option) in options.enumerated() {
                let mine = rest.filter { Self.fits($0, option) }
                rest.removeAll { Self.fits($0, option) }
                hold(mine, option, at: "\(place)|\(index)")
            }
            if !rest.isEmpty { flaws.append("\(place) is none of its kinds: \(rest[0].text())") }
        case .text, .options, .whole, .number, .boolean, .constant, .anyObject, .anything, .bytes, .embedded: break
        }
    }

    private mutating func record(_ values: [JSON], _ properties: [Schema.Property], at place: String) {
        let known = Set(properties.map(\.name))
        for value in values {
            guard let members = value.members else {
                flaws.append("\(place) is no object: \(value.text())")
                continue
            }
            for member in members where !known.contains(member.key) {
                flaws.append("\(place).\(member.key) is not in the schema")
            }
        }
        for property in properties {
            let sent = values.compactMap { $0[property.name] }
            if property.isRequired, sent.count < values.count {
                flaws.append("\(place).\(property.name) is required, and was left out")
            }
            if !property.isRequired, sent.count == values.count {
                flaws.append("\(place).\(property.name) is optional, and was never left out")
            }
            hold(sent, property.schema, at: "\(place).\(property.name)")
        }
    }

    /// Whether it has the constants that tell one kind of object from another.
    private static func fits(_ value: JSON, _ schema: Schema) -> Bool {
        switch schema {
        case .named(_, let schema), .noted(let schema, _), .exemplified(let schema, _): fits(value, schema)
        case .record(let properties):
            properties.allSatisfy { property in
                if case .constant(let constant) = property.schema { value[property.name] == constant } else { true }
            }
        default: true
        }
    }
}
