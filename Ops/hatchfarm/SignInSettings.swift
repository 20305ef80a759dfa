internal import API
internal import Bytes
internal import Domain

/// What a server reads from its environment about people who sign in (CONTRACT 3).
struct SignInSettings: Sendable {
    /// The current secret of our tokens, then the one before; none: the server makes one and says so.
    var tokenSecrets: [[UInt8]] = []
    /// Logins to be there from the start, for development.
    var users: [User]
    var issuers: [OIDCIssuer] = []
    /// Where browsers find the server, without a slash at the end.
    var publicURL: String

    struct User: Sendable {
        let name: String
        let password: String
    }

    init(_ environment: Environment) throws(Failure) {
        for name in ["JWT_SECRET", "JWT_SECRET_PREVIOUS"] {
            guard let secret = environment.text(name) else { continue }
            guard secret.utf8.count >= 32 else { throw .misconfigured("\(name) must be at least 32 bytes long") }
            tokenSecrets.append(Array(secret.utf8))
        }
        guard environment.text("JWT_SECRET_PREVIOUS") == nil || tokenSecrets.count == 2 else {
            throw .misconfigured("JWT_SECRET_PREVIOUS needs JWT_SECRET beside it")
        }
        users = try Self.users(environment.list("HATCHFARM_USERS"))
        publicURL = environment.text("PUBLIC_URL") ?? ""
        if publicURL.hasSuffix("/") { publicURL.removeLast() }
        for entry in environment.list("OIDC_ISSUERS") { issuers.append(try Self.issuer(entry, environment)) }
        guard Set(issuers.map(\.name)).count == issuers.count else {
            throw .misconfigured("OIDC_ISSUERS names an issuer twice")
        }
        guard issuers.isEmpty || Self.isOrigin(publicURL) else {
            throw .misconfigured(
                "PUBLIC_URL must say where browsers find this server, as https://farm.example, when OIDC_ISSUERS is set"
            )
        }
    }

    /// `name:password`; a password may hold colons.
    private static func users(_ entries: [String]) throws(Failure) -> [User] {
        var users: [User] = []
        for entry in entries {
            let parts = entry.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let name = Usernames.normalised(String(parts[0])) else {
                throw .misconfigured("HATCHFARM_USERS must be name:password, separated by commas")
            }
            users.append(User(name: name, password: String(parts[1])))
        }
        return users
    }

    /// `name=https://issuer`, with its client's id and secret in variables of their own.
    private static func issuer(_ entry: String, _ environment: Environment) throws(Failure) -> OIDCIssuer {
        let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { throw .misconfigured("OIDC_ISSUERS must be name=https://issuer") }
        let prefix = "OIDC_\(String(parts[0].uppercased().map { $0 == "-" ? "_" : $0 }))"
        guard let client = environment.text("\(prefix)_CLIENT_ID") else {
            throw .misconfigured("\(prefix)_CLIENT_ID is missing: the id that the issuer \(parts[0]) knows us by")
        }
        let issuer = OIDCIssuer(
            name: parts[0], url: parts[1], clientID: client, clientSecret: environment.text("\(prefix)_CLIENT_SECRET"))
        guard let issuer else {
            throw .misconfigured(
                "OIDC_ISSUERS must be name=https://issuer, names of a–z, 0–9 and - (http only on this machine)")
        }
        return issuer
    }

    private static func isOrigin(_ url: String) -> Bool {
        OIDCIssuer.isAddress(url) && url.split(separator: "/").count == 2 && !url.contains("?")
    }
}
