package import Bytes

/// A parameter of the query, said once: documented and read by the same value.
package struct QueryParameter<Value: Sendable>: Sendable {
    package let parameter: Route.Parameter
    let read: @Sendable (String) throws(FieldError) -> Value

    /// - Parameter read: errors are about the value itself.
    package init(
        _ name: String, _ schema: Schema, _ note: String, read: @escaping @Sendable (String) throws(FieldError) -> Value
    ) {
        parameter = Route.Parameter(name, schema, note)
        self.read = read
    }

    package static func choice(
        _ name: String, _ note: String, of options: [Value] = Array(Value.allCases)
    ) -> QueryParameter where Value: CaseIterable & RawRepresentable<String> & Equatable {
        let format = Format<Value>.choice(of: options)
        return QueryParameter(name, format.schema, note) { text throws(FieldError) in try format.read(.string(text)) }
    }

    package static func text(_ name: String, _ note: String) -> QueryParameter where Value == String {
        QueryParameter(name, .string(), note) { $0 }
    }
}

extension QueryParameter where Value == Int {
    /// Digits and at most a minus.
    package static func integer(_ name: String, _ range: ClosedRange<Int>, _ note: String) -> QueryParameter {
        QueryParameter(name, .integer(Int64(range.lowerBound)...Int64(range.upperBound)), note) {
            text throws(FieldError) in
            guard let number = Query.integer(text), range.contains(number) else {
                throw .outOfRange("between \(range.lowerBound) and \(range.upperBound)")
            }
            return number
        }
    }

    /// As `integer`, but what is over the range is brought down to it.
    package static func capped(_ name: String, _ range: ClosedRange<Int>, _ note: String) -> QueryParameter {
        QueryParameter(name, .integer(Int64(range.lowerBound)...Int64.max), note) { text throws(FieldError) in
            guard let number = Query.integer(text), number >= range.lowerBound else {
                throw .outOfRange("an integer of at least \(range.lowerBound)")
            }
            return min(number, range.upperBound)
        }
    }
}

extension QueryParameter where Value == Int64 {
    /// RFC 3339, as milliseconds since 1970.
    package static func instant(_ name: String, _ note: String) -> QueryParameter {
        let format = Format<Int64>.instant
        return QueryParameter(name, format.schema, note) { text throws(FieldError) in try format.read(.string(text)) }
    }
}

extension Query {
    /// nil when it is absent. Throws `FieldError`.
    package subscript<Value>(_ parameter: QueryParameter<Value>) -> Value? {
        get throws(FieldError) {
            let name = parameter.parameter.name
            guard let text = self[name] else { return nil }
            do throws(FieldError) {
                return try parameter.read(text)
            } catch {
                throw error.within(name)
            }
        }
    }
}
