/// A JSON value said once, for both directions: its schema, how it is written, and how it is read with all its bounds.
@usableFromInline
package struct Format<Value: Sendable>: Sendable {
    @usableFromInline package let schema: Schema
    @usableFromInline package let write: @Sendable (Value, inout JSONWriter) -> Void
    /// Errors are about the value itself: their field is empty, or a path inside it.
    @usableFromInline package let read: @Sendable (JSON) throws(FieldError) -> Value

    @inlinable
    package init(
        _ schema: Schema, write: @escaping @Sendable (Value, inout JSONWriter) -> Void,
        read: @escaping @Sendable (JSON) throws(FieldError) -> Value
    ) {
        self.schema = schema
        self.write = write
        self.read = read
    }

    @inlinable
    package var shape: Shape<Value> { Shape(schema, write: write) }
    package var input: Input<Value> { Input(schema, read: read) }

    /// The same, kept once under `components/schemas`.
    package func named(_ name: String) -> Self { Format(.named(name, schema), write: write, read: read) }

    /// The same, with a sentence for the reader of the document.
    package func noted(_ note: String) -> Self { Format(.noted(schema, note), write: write, read: read) }

    /// The same, with a value that shows what it is like.
    package func example(_ value: JSON) -> Self { Format(schema.example(value), write: write, read: read) }

    /// The same as another type. Throws what `into` finds wrong.
    @inlinable
    package func map<Other: Sendable>(
        _ into: @escaping @Sendable (Value) throws(FieldError) -> Other,
        from: @escaping @Sendable (Other) -> Value
    ) -> Format<Other> {
        Format<Other>(schema) {
            write(from($0), &$1)
        } read: { json throws(FieldError) in
            try into(read(json))
        }
    }

    /// `null`, or a value.
    @inlinable
    package static func nullable<Wrapped>(_ format: Format<Wrapped>) -> Format where Value == Wrapped? {
        Format(.nullable(format.schema)) { value, writer in
            if let value { format.write(value, &writer) } else { writer.null() }
        } read: { json throws(FieldError) in
            json.isNull ? nil : try format.read(json)
        }
    }

    package static func array<Element>(
        _ element: Format<Element>, _ counts: ClosedRange<Int>? = nil
    ) -> Format where Value == [Element] {
        let input = Input.array(element.input, counts)
        return Format(input.schema, write: Shape.array(element.shape).write) { json throws(FieldError) in
            do throws(FieldError) {
                return try input.read(json)
            } catch {
                // Only an element of another type is named by its place: of plain values the list is to blame.
                if case .wrongType = error.problem { throw error }
                throw FieldError("", error.problem)
            }
        }
    }
}

extension FieldError {
    /// The value was of another type. `expected` with its article.
    package static func wrongType(_ expected: String) -> FieldError { FieldError("", .wrongType(expected: expected)) }
    package static func outOfRange(_ bounds: String) -> FieldError { FieldError("", .outOfRange(bounds)) }
    package static func invalid(_ rule: String) -> FieldError { FieldError("", .invalid(rule)) }

    /// The error as one of a part of something larger: `inputs`, `[2]`.
    package func within(_ part: String) -> FieldError {
        if field.isEmpty { return FieldError(part, problem) }
        return FieldError(field.utf8.first == UInt8(ascii: "[") ? part + field : "\(part).\(field)", problem)
    }
}
