/// What is wrong with one field of a request; each dialect gives it its status and shape.
@usableFromInline
package struct FieldError: Error, Sendable, Equatable {
    @usableFromInline
    package enum Problem: Sendable, Equatable {
        case missing
        case unknown
        /// `expected` with its article: "a string".
        case wrongType(expected: String)
        /// What it must be: "between 1 and 100".
        case outOfRange(String)
        /// What it must do, after the field's name: "must not be blank".
        case invalid(String)
    }

    /// The path from the document's root: `inputs[2].path`; empty for the document itself.
    package let field: String
    package let problem: Problem

    package init(_ field: String, _ problem: Problem) {
        self.field = field
        self.problem = problem
    }

    package var message: String {
        let name = field.isEmpty ? "the document" : field
        return switch problem {
        case .missing: "\(name) is required"
        case .unknown: "unknown field: \(name)"
        case .wrongType(let expected): "\(name) must be \(expected)"
        case .outOfRange(let bounds): "\(name) must be \(bounds)"
        case .invalid(let rule): "\(name) \(rule)"
        }
    }
}
