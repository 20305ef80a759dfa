internal import API
internal import Bytes
internal import Domain

/// A server's settings for signing in, from the environment (CONTRACT 3).
struct SignInSettings: Sendable {
    /// The current secret for tokens, then the previous one; if empty, the server generates one and warns.
    var tokenSecrets: [[UInt8]]
    /// Logins created at the start, for development.
    var users: [User]
    var issuers: [OIDCIssuer] = []
    /// The public URL of the server, without a trailing slash.
    var publicURL: String

    struct User: Sendable {
        let name: String
        let password: String
    }

    /// An entry of `OIDC_ISSUERS`.
    struct IssuerEntry: Sendable {
        let name: String
        let url: String
    }

    init(_ environment: Environment) throws(Failure) {
        let (current, previous) = (try environment.tokenSecret, try environment.previousTokenSecret)
        guard previous == nil || current != nil else {
            throw .misconfigured("JWT_SECRET_PREVIOUS requires JWT_SECRET; set both, or neither")
        }
        tokenSecrets = [current, previous].compactMap(\.self)
        users = try environment.developmentUsers
        for entry in try environment.issuers { issuers.append(try Self.issuer(entry, environment)) }
        let publicURL = try environment.publicURL
        guard issuers.isEmpty || publicURL != nil else {
            throw .misconfigured(
                "PUBLIC_URL is missing, but OIDC_ISSUERS requires it; set the public URL of this server, "
                    + "such as https://farm.example")
        }
        self.publicURL = publicURL ?? ""
    }

    /// Adds the client's id and secret, which have their own variables.
    private static func issuer(_ entry: IssuerEntry, _ environment: Environment) throws(Failure) -> OIDCIssuer {
        let part = String(entry.name.uppercased().map { $0 == "-" ? "_" : $0 })
        let (id, secret) = (
            Variables.all.issuerClientID.named(part), Variables.all.issuerClientSecret.named(part)
        )
        guard let clientID = try environment.value(of: id) else {
            throw .misconfigured("\(id.facts.name) is missing; set the client id at the issuer \(entry.name)")
        }
        let clientSecret = try environment.value(of: secret)
        guard
            let issuer = OIDCIssuer(name: entry.name, url: entry.url, clientID: clientID, clientSecret: clientSecret)
        else { throw .misconfigured("OIDC_ISSUERS has an invalid entry: \(entry.name)=\(entry.url); correct it") }
        return issuer
    }
}

extension ValueReader where Value == [SignInSettings.User] {
    /// A password may contain colons.
    static var users: Self {
        .list("name:password, separated by commas") { entry in
            let parts = entry.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let name = Usernames.normalised(String(parts[0])) else { return nil }
            return SignInSettings.User(name: name, password: String(parts[1]))
        }
    }
}

extension ValueReader where Value == [SignInSettings.IssuerEntry] {
    static var issuers: Self {
        let one = ValueReader.list("") { entry -> SignInSettings.IssuerEntry? in
            let parts = entry.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2, OIDCIssuer(name: parts[0], url: parts[1], clientID: "", clientSecret: nil) != nil
            else { return nil }
            return SignInSettings.IssuerEntry(name: parts[0], url: parts[1])
        }
        return Self(
            "name=https://issuer, separated by commas, names of a–z, 0–9 and -, each once (http only on this machine)",
            parse: { text in
                one.parse(text).flatMap { Set($0.map(\.name)).count == $0.count ? $0 : nil }
            }, text: one.text)
    }
}
