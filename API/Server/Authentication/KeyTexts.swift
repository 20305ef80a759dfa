package import Bytes

extension Call {
    /// An API key's text, never made before: a prefix and 48 hex digits (CONTRACT 3).
    /// - Parameter prefix: tells its reader where it was made; authenticating looks at the whole text alone.
    package func newKeyText(prefix: String) -> String { "\(prefix)_" + Hex.encode(dependencies.world.random(24)) }
}

extension Format where Value == String {
    package static func apiKey(prefix: String) -> Format {
        .string(pattern: "^\(prefix)_[0-9a-f]{48}$").example(.string(prefix + "_" + String(repeating: "0f", count: 24)))
    }
}
