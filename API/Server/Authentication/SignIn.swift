internal import Bytes
internal import HTTPTypes

/// What it takes to sign in, once a process.
final class SignIn: Sendable {
    let keys: TokenKeys
    let tokens: LoginTokens
    let passwords = PasswordVerifier()
    let attempts: QuotaMeter
    /// By name.
    let issuers: [String: Issuer]

    init(_ configuration: AppConfiguration, world: World) {
        let secrets = configuration.tokenSecrets
        keys = TokenKeys(secrets.isEmpty ? [world.random(32)] : secrets, now: world.now)
        tokens = LoginTokens(keys)
        attempts = QuotaMeter(configuration.loginQuota, world: world)
        let issuers = configuration.issuers.map { ($0.name, Issuer($0, world: world)) }
        self.issuers = Dictionary(issuers) { first, _ in first }
    }
}

extension Reply {
    /// What every way of signing in answers with.
    static func accessToken(_ token: String) -> Reply {
        .json(.ok, ["access_token": .string(token), "token_type": "bearer"])
    }
}

extension Schema {
    static let accessToken = Schema.object(
        .required("access_token", .string(pattern: "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$")),
        .required("token_type", .constant("bearer")))
}
