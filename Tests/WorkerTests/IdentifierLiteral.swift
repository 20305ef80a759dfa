import Domain

/// Tests write identifiers as text.
extension Identifier: ExpressibleByStringInterpolation {
    init(stringLiteral text: String) { self.init(text) }
}
