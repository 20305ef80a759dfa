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

extension Schema {
    /// What is read by hand, for who only asks whether it can be.
    package func read<Value>(by reader: @escaping @Sendable (JSON) throws(FieldError) -> Value) -> Input<Void> {
        Input(self) { json throws(FieldError) in _ = try reader(json) }
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

    // One for each number of fields, where a parameter pack would do: a pack's types are put together again whenever
    // a body is read, which was a tenth of a submit's time.

    package static func buildBlock<A>(_ a: InputField<A>) -> InputFields<A> {
        InputFields(properties: [a.property], read: a.read)
    }

    package static func buildBlock<A, B>(
        _ a: InputField<A>, _ b: InputField<B>
    ) -> InputFields<(A, B)> {
        InputFields(properties: [a.property, b.property]) { fields throws(FieldError) in
            (try a.read(&fields), try b.read(&fields))
        }
    }

    package static func buildBlock<A, B, C>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>
    ) -> InputFields<(A, B, C)> {
        InputFields(properties: [a.property, b.property, c.property]) { fields throws(FieldError) in
            (try a.read(&fields), try b.read(&fields), try c.read(&fields))
        }
    }

    package static func buildBlock<A, B, C, D>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>, _ d: InputField<D>
    ) -> InputFields<(A, B, C, D)> {
        InputFields(properties: [a.property, b.property, c.property, d.property]) { fields throws(FieldError) in
            (try a.read(&fields), try b.read(&fields), try c.read(&fields), try d.read(&fields))
        }
    }

    package static func buildBlock<A, B, C, D, E>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>, _ d: InputField<D>, _ e: InputField<E>
    ) -> InputFields<(A, B, C, D, E)> {
        InputFields(properties: [a.property, b.property, c.property, d.property, e.property]) {
            fields throws(FieldError) in
            (try a.read(&fields), try b.read(&fields), try c.read(&fields), try d.read(&fields), try e.read(&fields))
        }
    }

    package static func buildBlock<A, B, C, D, E, F>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>, _ d: InputField<D>, _ e: InputField<E>,
        _ f: InputField<F>
    ) -> InputFields<(A, B, C, D, E, F)> {
        InputFields(properties: [a.property, b.property, c.property, d.property, e.property, f.property]) {
            fields throws(FieldError) in
            (
                try a.read(&fields), try b.read(&fields), try c.read(&fields), try d.read(&fields), try e.read(&fields),
                try f.read(&fields)
            )
        }
    }

    package static func buildBlock<A, B, C, D, E, F, G>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>, _ d: InputField<D>, _ e: InputField<E>,
        _ f: InputField<F>, _ g: InputField<G>
    ) -> InputFields<(A, B, C, D, E, F, G)> {
        InputFields(properties: [a.property, b.property, c.property, d.property, e.property, f.property, g.property]) {
            fields throws(FieldError) in
            (
                try a.read(&fields), try b.read(&fields), try c.read(&fields), try d.read(&fields), try e.read(&fields),
                try f.read(&fields), try g.read(&fields)
            )
        }
    }

    package static func buildBlock<A, B, C, D, E, F, G, H>(
        _ a: InputField<A>, _ b: InputField<B>, _ c: InputField<C>, _ d: InputField<D>, _ e: InputField<E>,
        _ f: InputField<F>, _ g: InputField<G>, _ h: InputField<H>
    ) -> InputFields<(A, B, C, D, E, F, G, H)> {
        InputFields(properties: [
            a.property, b.property, c.property, d.property, e.property, f.property, g.property, h.property,
        ]) { fields throws(FieldError) in
            (
                try a.read(&fields), try b.read(&fields), try c.read(&fields), try d.read(&fields), try e.read(&fields),
                try f.read(&fields), try g.read(&fields), try h.read(&fields)
            )
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
    package func read(_ json: JSON, in name: String, of fields: Fields) throws(FieldError) -> Value {
        do throws(FieldError) {
            return try read(json)
        } catch {
            if json.isNull, case .wrongType = error.problem { throw fields.error(name, .missing) }
            throw error.within(fields.name(name))
        }
    }
}
