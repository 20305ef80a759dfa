internal import Bytes

/// An issuer as we know it at the moment: what it says of itself, and its keys.
actor Issuer {
    /// How long what it says counts, in milliseconds.
    private static let fresh: Int64 = 3_600_000
    /// How often a token by an unknown key may make us ask for the keys.
    private static let pause: Int64 = 60_000

    nonisolated let settings: OIDCIssuer
    private let world: World
    private let line: IssuerLine
    private var metadata: (value: IssuerMetadata, since: Int64)?
    private var keys: (value: KeySet, since: Int64)?
    private var asking: Task<KeySet, any Error>?

    init(_ settings: OIDCIssuer, world: World) {
        self.settings = settings
        self.world = world
        line = IssuerLine(world: world)
    }

    /// Where the browser goes to sign in.
    func address(redirect: String, state: String, nonce: String, verifier: String) async throws -> String {
        let endpoint = try await described().authorization
        let challenge = Base64.encodeURL(SHA256.hash(verifier))
        let query = PercentCoding.form([
            ("response_type", "code"), ("client_id", settings.clientID), ("redirect_uri", redirect),
            ("scope", "openid profile email"), ("state", state), ("nonce", nonce), ("code_challenge", challenge),
            ("code_challenge_method", "S256"),
        ])
        return endpoint + (endpoint.utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + query
    }

    /// Throws `IssuerFault.refused` when an answer names another issuer, or none where this one always names itself.
    func checkSender(_ named: String?) async throws {
        let namesItself = try await described().namesItself
        guard named.map({ $0.isExactly(settings.url) }) ?? !namesItself else {
            throw IssuerFault.refused("\(settings.name): the answer is another issuer's")
        }
    }

    /// Who brought the code.
    func identify(code: String, redirect: String, verifier: String, nonce: String) async throws -> IDToken {
        let text = try await exchange(code: code, redirect: redirect, verifier: verifier)
        guard let token = CompactToken(text), let algorithm = token.algorithm,
            try await described().algorithms.contains(algorithm)
        else { throw IssuerFault.refused("\(settings.name): the ID token is none, or signed in another way") }
        guard try await keys(for: token).verifies(token) else {
            throw IssuerFault.refused("\(settings.name): the ID token's signature is by none of its keys")
        }
        return try IDToken(token.payload, of: settings, nonce: nonce, now: Double(world.now()) / 1_000)
    }

    /// The ID token for a code.
    private func exchange(code: String, redirect: String, verifier: String) async throws -> String {
        let metadata = try await described()
        var form = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect),
            ("code_verifier", verifier),
        ]
        var user: (String, String)?
        if let secret = settings.clientSecret, !metadata.takesSecretInForm {
            user = (settings.clientID, secret)
        } else {
            form.append(("client_id", settings.clientID))
            if let secret = settings.clientSecret { form.append(("client_secret", secret)) }
        }
        let (status, answer) = try await line.post(metadata.token, form: form, user: user)
        guard status != 429, status < 500 else { throw IssuerFault.unavailable("\(metadata.token): status \(status)") }
        guard status == 200, let token = answer["id_token"]?.string else {
            throw IssuerFault.refused("\(settings.name): no ID token for the code: \(answer["error"]?.string ?? "")")
        }
        return token
    }

    private func described() async throws -> IssuerMetadata {
        if let metadata, world.monotonic() - metadata.since < Self.fresh { return metadata.value }
        let base = settings.url.hasSuffix("/") ? String(settings.url.dropLast()) : settings.url
        let value = try IssuerMetadata(try await line.get(base + IssuerMetadata.path), of: settings)
        metadata = (value, world.monotonic())
        return value
    }

    /// The keys, asked for again when the token is by one that we don't know: it may be new.
    private func keys(for token: CompactToken) async throws -> KeySet {
        if let keys {
            let age = world.monotonic() - keys.since
            if age < Self.pause || age < Self.fresh && keys.value.has(token) { return keys.value }
        }
        if let asking { return try await asking.value }
        let address = try await described().keys
        let task = Task { [line] in try await KeySet(line.get(address)) }
        asking = task
        defer { asking = nil }
        let value = try await task.value
        keys = (value, world.monotonic())
        return value
    }
}
