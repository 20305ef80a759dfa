/// What a caller sends, said once: its schema, and its reader with all bounds and errors.
///
///     static let newPost = Input {
///         required("title", .text(1...255))
///         required("content", .text(1...20_000))
///     }
///     let (title, content) = try newPost.read(json)
package struct Input<Value>: Sendable {
    package let schema: Schema
    /// Errors are about the value itself: their field is empty, or a path inside it.
    package let read: @Sendable (JSON) throws(FieldError) -> Value

    package init(_ schema: Schema, read: @escaping @Sendable (JSON) throws(FieldError) -> Value) {
        self.schema = schema
        self.read = read
    }

    /// A strict object: a field that isn't named here is refused.
    package init(@InputBuilder _ fields: () -> InputFields<Value>) {
        self.init(fields())
    }

    /// A strict object with these fields.
    package init(_ fields: InputFields<Value>) {
        schema = .record(fields.properties)
        read = { json throws(FieldError) in
            var members = try Fields(json)
            let value = try fields.read(&members)
            try members.end()
            return value
        }
    }

    /// The same, kept once under `components/schemas`.
    package func named(_ name: String) -> Self { Input(.named(name, schema), read: read) }

    /// The same as another type, with what spans several fields. Throws what `into` finds wrong.
    package func map<Other>(_ into: @escaping @Sendable (Value) throws(FieldError) -> Other) -> Input<Other> {
        Input<Other>(schema) { json throws(FieldError) in try into(read(json)) }
    }

    package static func array<Element>(
        _ element: Input<Element>, _ counts: ClosedRange<Int>? = nil
    ) -> Input where Value == [Element] {
        Input(.list(element.schema, counts: counts)) { json throws(FieldError) in
            guard let items = json.array else { throw .wrongType("an array") }
            if let counts, !counts.contains(items.count) {
                let least = counts.lowerBound == 0 ? "at most" : "\(counts.lowerBound) to"
                throw .invalid("must hold \(least) \(counts.upperBound) items")
            }
            var values: [Element] = []
            values.reserveCapacity(items.count)
            for (index, item) in items.enumerated() {
                do throws(FieldError) {
                    values.append(try element.read(item))
                } catch {
                    throw error.within("[\(index)]")
                }
            }
            return values
        }
    }
}

extension Input where Value == Void {
    /// For an operation that needs no words: an object without fields. No body at all is as good.
    package static var nothing: Input {
        Input(.record([])) { json throws(FieldError) in try Fields(json).end() }
    }
}

extension InputFields {
    /// These fields and then those of another part.
    package func then<Other>(_ other: InputFields<Other>) -> InputFields<(Value, Other)> {
        InputFields<(Value, Other)>(properties: properties + other.properties) { fields throws(FieldError) in
            (try read(&fields), try other.read(&fields))
        }
    }
}

/// One field of an object that is read.
package struct InputField<Value>: Sendable {
    let property: Schema.Property
    let read: @Sendable (inout Fields) throws(FieldError) -> Value
}

/// The fields of an object, or some of them, in the order in which they are read and their errors told.
package struct InputFields<Value>: Sendable {
    package let properties: [Schema.Property]
    package let read: @Sendable (inout Fields) throws(FieldError) -> Value

    init(properties: [Schema.Property], read: @escaping @Sendable (inout Fields) throws(FieldError) -> Value) {
        self.properties = properties
        self.read = read
    }

    /// A part of an object that has many fields; `then` puts parts together.
    package init(@InputBuilder _ fields: () -> InputFields<Value>) { self = fields() }

    package func map<Other>(_ into: @escaping @Sendable (Value) throws(FieldError) -> Other) -> InputFields<Other> {
        InputFields<Other>(properties: properties) { fields throws(FieldError) in try into(read(&fields)) }
    }
}

@resultBuilder
package enum InputBuilder {
    package static func buildExpression<Value>(_ field: InputField<Value>) -> InputField<Value> { field }

    package static func buildBlock<each Part>(
        _ fields: repeat InputField<each Part>
    ) -> InputFields<(repeat each Part)> {
        var properties: [Schema.Property] = []
        for field in repeat each fields { properties.append(field.property) }
        return InputFields(properties: properties) { members throws(FieldError) in
            (repeat try (each fields).read(&members))
        }
    }
}

/// A field that has to be there; `null` counts as absent unless the value may be null.
package func required<Value>(_ name: String, _ input: Input<Value>, _ note: String? = nil) -> InputField<Value> {
    InputField(property: .required(name, input.schema, note)) { fields throws(FieldError) in
        let json = try fields.raw(name)
        return try input.read(json, in: name, of: fields)
    }
}

/// A field that has to be there; `null` counts as absent unless the value may be null.
package func required<Value>(_ name: String, _ format: Format<Value>, _ note: String? = nil) -> InputField<Value> {
    required(name, format.input, note)
}

/// A field that may be absent or `null`.
package func optional<Value>(_ name: String, _ input: Input<Value>, _ note: String? = nil) -> InputField<Value?> {
    InputField(property: .optional(name, .nullable(input.schema), note)) { fields throws(FieldError) in
        guard let json = fields.optionalRaw(name), !json.isNull else { return nil }
        return try input.read(json, in: name, of: fields)
    }
}

/// A field that may be absent or `null`.
package func optional<Value>(_ name: String, _ format: Format<Value>, _ note: String? = nil) -> InputField<Value?> {
    optional(name, format.input, note)
}

/// A field that may be absent or `null`, and then has a value all the same.
package func optional<Value: Sendable>(
    _ name: String, _ input: Input<Value>, default value: Value, _ note: String? = nil
) -> InputField<Value> {
    let field = optional(name, input, note)
    return InputField(property: field.property) { fields throws(FieldError) in try field.read(&fields) ?? value }
}

/// A field that may be absent or `null`, and then has a value all the same.
package func optional<Value: Sendable>(
    _ name: String, _ format: Format<Value>, default value: Value, _ note: String? = nil
) -> InputField<Value> {
    optional(name, format.input, default: value, note)
}

/// What a field of a change asks for.
package enum Change<Value: Sendable>: Sendable {
    /// The field is absent.
    case keep
    /// The field is `null`.
    case clear
    case set(Value)

    /// The value after the change.
    package func applied(to old: Value?) -> Value? {
        switch self {
        case .keep: old
        case .clear: nil
        case .set(let value): value
        }
    }
}

/// A field of a change: absent keeps what is there, `null` takes it away.
package func change<Value>(_ name: String, _ format: Format<Value>, _ note: String? = nil) -> InputField<Change<Value>>
{
    InputField(property: .optional(name, .nullable(format.schema), note)) { fields throws(FieldError) in
        guard let json = fields.optionalRaw(name) else { return .keep }
        if json.isNull { return .clear }
        return .set(try format.input.read(json, in: name, of: fields))
    }
}

extension Input {
    fileprivate func read(_ json: JSON, in name: String, of fields: Fields) throws(FieldError) -> Value {
        do throws(FieldError) {
            return try read(json)
        } catch {
            if json.isNull, case .wrongType = error.problem { throw fields.error(name, .missing) }
            throw error.within(fields.name(name))
        }
    }
}
