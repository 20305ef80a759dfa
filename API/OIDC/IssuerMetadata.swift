internal import Bytes

/// What an issuer says of itself (OpenID Connect Discovery 1.0), as far as we go by it.
struct IssuerMetadata: Sendable {
    static let path = "/.well-known/openid-configuration"
    /// Signatures that we take; RS256 is what every issuer has to offer.
    private static let algorithms: Set<String> = ["RS256", "ES256"]

    let authorization: String
    let token: String
    let keys: String
    /// The signatures that are both ours and the issuer's.
    let algorithms: Set<String>
    /// Whether the token endpoint wants the secret in the form: it doesn't know of basic authentication.
    let takesSecretInForm: Bool
    /// Whether each answer of its names it, so that one that doesn't is another's (RFC 9207).
    let namesItself: Bool

    /// Throws `IssuerFault.unavailable` when it is not this issuer's, or of no use.
    init(_ document: JSON, of issuer: OIDCIssuer) throws(IssuerFault) {
        guard document["issuer"]?.string?.isExactly(issuer.url) == true else {
            throw .unavailable("\(issuer.url) says that it is \(document["issuer"]?.text(.compact) ?? "nobody")")
        }
        func address(_ name: String) throws(IssuerFault) -> String {
            guard let url = document[name]?.string, OIDCIssuer.isAddress(url),
                url.hasPrefix("https:") || issuer.url.hasPrefix("http:")
            else { throw .unavailable("\(issuer.url): no usable \(name)") }
            return url
        }
        authorization = try address("authorization_endpoint")
        token = try address("token_endpoint")
        keys = try address("jwks_uri")
        let offered = document["id_token_signing_alg_values_supported"]?.array?.compactMap(\.string) ?? ["RS256"]
        algorithms = Self.algorithms.intersection(offered)
        guard !algorithms.isEmpty else { throw .unavailable("\(issuer.url) signs neither with RS256 nor with ES256") }
        let methods = document["token_endpoint_auth_methods_supported"]?.array?.compactMap(\.string)
        takesSecretInForm = methods.map { !$0.contains("client_secret_basic") } ?? false
        namesItself = document["authorization_response_iss_parameter_supported"]?.bool ?? false
    }
}
