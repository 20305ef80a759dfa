/// A service that continues conversations, in one of the two styles there are.
package struct OracleUpstream: Sendable {
    package enum Style: String, Sendable { case anthropic, openAI = "openai" }

    package var style: Style
    package var key: String
    /// With or without `/v1` at the end, and no slash.
    package var base: String
    package var model: String

    package init(_ style: Style, key: String, base: String, model: String) {
        self.style = style
        self.key = key
        self.base = base
        self.model = model
    }
}

/// Whom the oracle asks (CONTRACT 8).
package struct OracleSettings: Sendable {
    /// In the order in which they are asked; none: there is no oracle.
    package var upstreams: [OracleUpstream] = []
    /// How long each may take for its whole answer.
    package var timeoutSeconds: Int64 = 30

    package init() {}
}
