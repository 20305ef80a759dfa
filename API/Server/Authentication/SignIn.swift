internal import Bytes

/// What it takes to sign in, once a process.
final class SignIn: Sendable {
    let keys: TokenKeys
    let tokens: LoginTokens
    let passwords = PasswordVerifier()
    /// By name.
    let issuers: [String: Issuer]

    init(_ configuration: AppConfiguration, world: World) {
        let secrets = configuration.tokenSecrets
        keys = TokenKeys(secrets.isEmpty ? [world.random(32)] : secrets, now: world.now)
        tokens = LoginTokens(keys)
        let issuers = configuration.issuers.map { ($0.name, Issuer($0, world: world)) }
        self.issuers = Dictionary(issuers) { first, _ in first }
    }
}

/// What every way of signing in answers with.
enum AccessToken {
    static let shape = Shape<String> {
        field("access_token", .string(pattern: "^[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+\\.[A-Za-z0-9_-]+$")) { $0 }
        constant("token_type", "bearer")
    }
}
