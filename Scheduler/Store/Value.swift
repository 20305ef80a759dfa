/// A value bound to a statement. The case fixes the parameter's type, so that a NULL has one too.
package enum Value: Sendable, Equatable {
    case text(String?)
    case integer(Int64?)
    case bytes([UInt8]?)

    /// 1 or 0: there is no other type for truth on both databases.
    package static func bool(_ value: Bool?) -> Value { .integer(value.map { $0 ? 1 : 0 }) }
    package static func int(_ value: Int?) -> Value { .integer(value.map { Int64($0) }) }
}
