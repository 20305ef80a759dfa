/// What is answered, said once: its schema and how it is written.
///
///     static let post = Shape<ForumPost>("ForumPost") {
///         field("id", .decimalID) { $0.id }
///         field("title", .text(1...255)) { $0.title }
///     }
///
/// What writes is inlinable, so that it is compiled for the types of each shape.
@usableFromInline
package struct Shape<Value>: Sendable {
    @usableFromInline package let schema: Schema
    @usableFromInline package let write: @Sendable (Value, inout JSONWriter) -> Void
    /// Of an object.
    @usableFromInline let members: [ShapeMember<Value>]

    @inlinable
    package init(
        _ schema: Schema, members: [ShapeMember<Value>] = [],
        write: @escaping @Sendable (Value, inout JSONWriter) -> Void
    ) {
        self.schema = schema
        self.write = write
        self.members = members
    }

    /// An object.
    /// - Parameter name: keeps its schema once, under `components/schemas`.
    @inlinable
    package init(_ name: String? = nil, @ShapeBuilder<Value> members: () -> [ShapeMember<Value>]) {
        let members = members()
        let record = Schema.record(members.map(\.property))
        self.init(name.map { .named($0, record) } ?? record, members: members) { value, writer in
            writer.beginObject()
            for member in members { member.write(value, &writer) }
            writer.endObject()
        }
    }

    /// An object with the value as its only member: `{"post": …}`.
    @inlinable
    package func under(_ name: String) -> Shape { Shape { field(name, self) { $0 } } }

    /// The members of this object, of a part of something larger.
    @inlinable
    package func at<Whole>(_ part: @escaping @Sendable (Whole) -> Value) -> [ShapeMember<Whole>] {
        members.map { member in
            ShapeMember(property: member.property) { whole, writer in member.write(part(whole), &writer) }
        }
    }

    @inlinable
    package func map<Other>(_ from: @escaping @Sendable (Other) -> Value) -> Shape<Other> {
        Shape<Other>(schema) { write(from($0), &$1) }
    }

    @inlinable
    package static func nullable<Wrapped>(_ shape: Shape<Wrapped>) -> Shape where Value == Wrapped? {
        Shape(.nullable(shape.schema)) { value, writer in
            if let value { shape.write(value, &writer) } else { writer.null() }
        }
    }

    @inlinable
    package static func array<Element>(
        _ element: Shape<Element>, _ counts: ClosedRange<Int>? = nil
    ) -> Shape where Value == [Element] {
        Shape(.list(element.schema, counts: counts)) { values, writer in
            writer.beginArray()
            for value in values { element.write(value, &writer) }
            writer.endArray()
        }
    }

    /// Compact JSON.
    package func bytes(_ value: Value, capacity: Int = 256) -> [UInt8] {
        var writer = JSONWriter(capacity: capacity)
        write(value, &writer)
        return writer.bytes
    }
}

extension Shape where Value == String {
    /// Text that is a JSON object already.
    @inlinable
    package static var objectText: Shape { Shape(.anyObject) { $1.raw($0) } }
}

/// One member of an object that is answered.
@usableFromInline
package struct ShapeMember<Whole>: Sendable {
    @usableFromInline let property: Schema.Property
    @usableFromInline let write: @Sendable (Whole, inout JSONWriter) -> Void

    @inlinable
    package init(property: Schema.Property, write: @escaping @Sendable (Whole, inout JSONWriter) -> Void) {
        self.property = property
        self.write = write
    }
}

@resultBuilder
@usableFromInline
package enum ShapeBuilder<Whole> {
    @inlinable
    package static func buildExpression(_ member: ShapeMember<Whole>) -> [ShapeMember<Whole>] { [member] }
    @inlinable
    package static func buildExpression(_ members: [ShapeMember<Whole>]) -> [ShapeMember<Whole>] { members }
    /// All members of another object.
    @inlinable
    package static func buildExpression(_ shape: Shape<Whole>) -> [ShapeMember<Whole>] { shape.members }
    @inlinable
    package static func buildBlock(_ members: [ShapeMember<Whole>]...) -> [ShapeMember<Whole>] {
        members.flatMap { $0 }
    }
}

/// A member that is always there.
@inlinable
package func field<Whole, Value>(
    _ name: String, _ shape: Shape<Value>, _ note: String? = nil, _ get: @escaping @Sendable (Whole) -> Value
) -> ShapeMember<Whole> {
    let key = JSONWriter.Key(name)
    return ShapeMember(property: .required(name, shape.schema, note)) { whole, writer in
        writer.key(key)
        shape.write(get(whole), &writer)
    }
}

/// A member that is always there.
@inlinable
package func field<Whole, Value>(
    _ name: String, _ format: Format<Value>, _ note: String? = nil, _ get: @escaping @Sendable (Whole) -> Value
) -> ShapeMember<Whole> {
    field(name, format.shape, note, get)
}

/// A member that is left out when there is no value.
@inlinable
package func optionalField<Whole, Value>(
    _ name: String, _ shape: Shape<Value>, _ note: String? = nil, _ get: @escaping @Sendable (Whole) -> Value?
) -> ShapeMember<Whole> {
    let key = JSONWriter.Key(name)
    return ShapeMember(property: .optional(name, shape.schema, note)) { whole, writer in
        guard let value = get(whole) else { return }
        writer.key(key)
        shape.write(value, &writer)
    }
}

/// A member that is left out when there is no value.
@inlinable
package func optionalField<Whole, Value>(
    _ name: String, _ format: Format<Value>, _ note: String? = nil, _ get: @escaping @Sendable (Whole) -> Value?
) -> ShapeMember<Whole> {
    optionalField(name, format.shape, note, get)
}

/// A member that always has the same value.
package func constant<Whole>(_ name: String, _ value: JSON) -> ShapeMember<Whole> {
    let key = JSONWriter.Key(name)
    let bytes = value.bytes()
    return ShapeMember(property: .required(name, .constant(value))) { _, writer in
        writer.key(key)
        writer.raw(bytes)
    }
}
