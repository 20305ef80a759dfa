/// What a JSON value looks like, for the OpenAPI document. Made by a `Format`, a `Shape` or an `Input`, which also
/// write or read the value, so that the document can't say anything else.
@usableFromInline
package indirect enum Schema: Sendable {
    case text(lengths: ClosedRange<Int>?, pattern: String?, format: String?)
    case options([String])
    case whole(ClosedRange<Int64>?)
    case number
    case boolean
    case constant(JSON)
    case list(Schema, counts: ClosedRange<Int>?)
    case record([Property])
    /// Any keys, all with the same kind of value.
    case map(Schema)
    /// A JSON object about which nothing is said.
    case anyObject
    case anything
    case bytes
    /// JSON inside a string.
    case embedded(Schema)
    case nullable(Schema)
    case either([Schema])
    /// A value whose description says more.
    case noted(Schema, String)
    /// With what it is like.
    case exemplified(Schema, JSON)
    /// Kept once under `components/schemas`.
    case named(String, Schema)

    @usableFromInline
    package struct Property: Sendable {
        package let name: String
        package let schema: Schema
        package let isRequired: Bool
        package let note: String?

        @usableFromInline
        package static func required(_ name: String, _ schema: Schema, _ note: String? = nil) -> Property {
            Property(name: name, schema: schema, isRequired: true, note: note)
        }

        @usableFromInline
        package static func optional(_ name: String, _ schema: Schema, _ note: String? = nil) -> Property {
            Property(name: name, schema: schema, isRequired: false, note: note)
        }
    }
}

/// The words that route tables are written in.
extension Schema {
    package static func string(
        _ lengths: ClosedRange<Int>? = nil, pattern: String? = nil, format: String? = nil
    ) -> Schema {
        .text(lengths: lengths, pattern: pattern, format: format)
    }

    package static func choice(_ options: String...) -> Schema { .options(options) }

    package static func choice<E: CaseIterable & RawRepresentable<String>>(_ type: E.Type) -> Schema {
        .options(type.allCases.map(\.rawValue))
    }

    package static func integer(_ range: ClosedRange<Int64>? = nil) -> Schema { .whole(range) }

    package static func integer(_ range: ClosedRange<Int>) -> Schema {
        .whole(Int64(range.lowerBound)...Int64(range.upperBound))
    }

    package static func array(_ element: Schema, _ counts: ClosedRange<Int>? = nil) -> Schema {
        .list(element, counts: counts)
    }

    package static func object(_ properties: Property...) -> Schema { .record(properties) }

    /// RFC 3339.
    package static let instant = Schema.string(format: "date-time")
}

extension Schema {
    /// As JSON Schema 2020-12. Named schemas are put into `shared` and referred to.
    package func json(_ shared: inout [String: JSON]) -> JSON {
        switch self {
        case .text(let lengths, let pattern, let format):
            return Self.typed(
                "string",
                [
                    ("minLength", lengths.map { JSON($0.lowerBound) }),
                    ("maxLength", lengths.map { JSON($0.upperBound) }),
                    ("pattern", pattern.map { .string($0) }), ("format", format.map { .string($0) }),
                ])
        case .options(let options): return ["type": "string", "enum": .array(options.map { .string($0) })]
        case .whole(let range):
            return Self.typed(
                "integer",
                [
                    ("minimum", range.map { JSON($0.lowerBound) }),
                    // What fits in no integer is read as the largest one, or refused for that.
                    ("maximum", range.flatMap { $0.upperBound == .max ? nil : JSON($0.upperBound) }),
                ])
        case .number: return ["type": "number"]
        case .boolean: return ["type": "boolean"]
        case .constant(let value): return ["const": value]
        case .list(let element, let counts):
            return Self.typed(
                "array",
                [
                    ("items", element.json(&shared)), ("minItems", counts.map { JSON($0.lowerBound) }),
                    ("maxItems", counts.map { JSON($0.upperBound) }),
                ])
        case .record(let properties): return Self.record(properties, &shared)
        case .map(let value): return ["type": "object", "additionalProperties": value.json(&shared)]
        case .anyObject: return ["type": "object"]
        case .anything: return [:]
        case .embedded(let schema):
            return [
                "type": "string", "contentMediaType": "application/json", "contentSchema": schema.json(&shared),
            ]
        case .bytes: return ["type": "string", "format": "binary"]
        case .nullable(let schema): return ["anyOf": [schema.json(&shared), ["type": "null"]]]
        case .noted(let schema, let note):
            guard case .object(let facets) = schema.json(&shared) else { return schema.json(&shared) }
            return .object(facets + [JSON.Member("description", .string(note))])
        case .exemplified(let schema, _): return schema.json(&shared)
        case .either(let schemas): return ["anyOf": .array(schemas.map { $0.json(&shared) })]
        case .named(let name, let schema):
            if shared[name] == nil {
                shared[name] = .null
                shared[name] = schema.json(&shared)
            }
            return ["$ref": "#/components/schemas/\(name)"]
        }
    }

    private static func typed(_ type: String, _ facets: [(String, JSON?)]) -> JSON {
        .object(
            [JSON.Member("type", .string(type))]
                + facets.compactMap { name, value in value.map { JSON.Member(name, $0) } })
    }

    private static func record(_ properties: [Property], _ shared: inout [String: JSON]) -> JSON {
        var members: [JSON.Member] = []
        for property in properties {
            var schema = property.schema.json(&shared)
            if let note = property.note, case .object(let facets) = schema {
                schema = .object(facets + [JSON.Member("description", .string(note))])
            }
            members.append(JSON.Member(property.name, schema))
        }
        let required = properties.filter(\.isRequired).map { JSON.string($0.name) }
        return typed(
            "object",
            [
                ("properties", .object(members)), ("required", required.isEmpty ? nil : .array(required)),
            ])
    }
}
