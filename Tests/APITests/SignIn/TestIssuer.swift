import API
import Bytes
import Domain
import Foundation
import HTTPTypes
import JWTKit
import Support
import Synchronization

/// An OpenID Connect issuer on a port of its own, with real signatures and faults to order. It consents at once, for
/// whoever is said to sit before it.
final class TestIssuer: Sendable {
    static let clientID = "hatch farm"
    static let clientSecret = "s3cret:+/%&=é"

    struct Key: Sendable {
        let id: String?
        let name: String
        let algorithm: any JWTAlgorithm
        /// As the set of keys shows it.
        let shown: JSON
    }

    struct State: Sendable {
        var subject = "sub-1"
        var keys: [Key] = []
        /// What becomes of a token before it is signed, and what of the signed one.
        var change: @Sendable (inout [JSON.Member]) -> Void = { _ in }
        var header: @Sendable (inout [JSON.Member]) -> Void = { _ in }
        var seal: @Sendable (String) -> String = { $0 }
        /// What becomes of the metadata.
        var metadata: @Sendable (inout [JSON.Member]) -> Void = { _ in }
        /// In place of an answer, by path.
        var instead: [String: @Sendable () async throws -> Reply] = [:]
        /// Calls by path.
        var calls: [String: Int] = [:]
        var grants: [String: Grant] = [:]
    }

    struct Grant: Sendable {
        let subject: String
        let nonce: String
        let challenge: String
        let redirect: String
    }

    private let state: Mutex<State>
    private let address = Mutex("")

    var url: String { address.withLock(\.self) }
    var settings: OIDCIssuer {
        get throws {
            guard
                let issuer = OIDCIssuer(
                    name: "test", url: url, clientID: Self.clientID, clientSecret: Self.clientSecret)
            else { throw NoIssuer() }
            return issuer
        }
    }

    struct NoIssuer: Error {}

    private init(_ keys: [Key]) { state = Mutex(State(keys: keys)) }

    func change(_ change: @Sendable (inout State) -> Void) { state.withLock { change(&$0) } }

    func calls(_ path: String) -> Int { state.withLock { $0.calls[path] ?? 0 } }

    /// Runs one that signs with an ES256 key, unless others are given.
    static func run(_ keys: [Key]? = nil, _ body: (TestIssuer) async throws -> Void) async throws {
        let issuer = if let keys { TestIssuer(keys) } else { TestIssuer([try await elliptic("k1")]) }
        let table = APISystem(
            name: "Issuer", envelope: .bare(failure: .located("IssuerError")), bases: [""], owns: ["/oidc"],
            routes: issuer.routes)
        try await TestServer.run(systems: [table]) { server async throws in
            issuer.address.withLock { $0 = server.url + "/oidc" }
            try await body(issuer)
        }
    }

    private var routes: [Route] {
        let any = [Route.Answer.ok(.anything)]
        return [
            Route(.get, "/oidc/.well-known/openid-configuration", "oDescribe", "", answers: any, answer(describe)),
            Route(.get, "/oidc/keys", "oKeys", "", answers: any, answer(keySet)),
            Route(.get, "/oidc/authorize", "oAuthorize", "", answers: any, answer(authorize)),
            Route(.post, "/oidc/token", "oToken", "", rawBody: true, answers: any, answer(token)),
        ].tagged("O")
    }

    private func answer(
        _ handler: @escaping @Sendable (Call) async throws -> Reply
    ) -> @Sendable (Call, PublicContext) async throws -> Reply {
        { [self] call, _ in
            let path = String(call.route.path.dropFirst("/oidc".count))
            let instead = state.withLock { state in
                state.calls[path, default: 0] += 1
                return state.instead[path]
            }
            if let instead { return try await instead() }
            return try await handler(call)
        }
    }

    @Sendable private func describe(_ call: Call) -> Reply {
        var members: [JSON.Member] = [
            .init("issuer", .string(url)), .init("authorization_endpoint", .string("\(url)/authorize")),
            .init("token_endpoint", .string("\(url)/token")), .init("jwks_uri", .string("\(url)/keys")),
            .init("id_token_signing_alg_values_supported", ["RS256", "ES256"]),
        ]
        state.withLock(\.metadata)(&members)
        return .json(.ok, .object(members))
    }

    @Sendable private func keySet(_ call: Call) -> Reply {
        .json(.ok, ["keys": .array(state.withLock { $0.keys.map(\.shown) })])
    }

    @Sendable private func authorize(_ call: Call) throws -> Reply {
        let query = try call.query
        guard query["response_type"] == "code", query["client_id"] == Self.clientID,
            query["scope"]?.split(separator: " ").contains("openid") == true, query["code_challenge_method"] == "S256",
            let challenge = query["code_challenge"], let nonce = query["nonce"], let state = query["state"],
            let redirect = query["redirect_uri"]
        else { throw Problem(.badRequest, "invalid_request", "this is no request of the code flow with PKCE") }
        let code = Hex.encode(World.live.random(16))
        self.state.withLock { own in
            own.grants[code] = Grant(subject: own.subject, nonce: nonce, challenge: challenge, redirect: redirect)
        }
        return .empty(.found).with(.location, "\(redirect)?code=\(code)&state=\(state)")
    }

    @Sendable private func token(_ call: Call) async throws -> Reply {
        let body = String(decoding: try await call.bytes(upTo: 10_000), as: UTF8.self)
        let pairs = body.split(separator: "&").map { $0.split(separator: "=", maxSplits: 1) }
        let form = Dictionary(pairs.map { ($0[0], Self.decode($0[1])) }) { first, _ in first }
        let user = call.header(.authorization).flatMap { Base64.decode(String($0.dropFirst("Basic ".count))) }
        let known = String(decoding: user ?? [], as: UTF8.self).split(separator: ":").map(Self.decode)
        let shown = [form["client_id"], form["client_secret"]].compactMap(\.self)
        guard (known.isEmpty ? shown : known) == [Self.clientID, Self.clientSecret] else {
            return Self.error("invalid_client")
        }
        state.withLock { $0.calls[known.isEmpty ? "secret in the form" : "secret in the head", default: 0] += 1 }
        let grant = form["code"].flatMap { code in state.withLock { $0.grants.removeValue(forKey: code) } }
        guard let grant, form["grant_type"] == "authorization_code", form["redirect_uri"] == grant.redirect,
            let verifier = form["code_verifier"], Base64.encodeURL(SHA256.hash(verifier)) == grant.challenge
        else { return Self.error("invalid_grant") }
        return .json(.ok, ["access_token": "x", "token_type": "Bearer", "id_token": .string(try idToken(grant))])
    }

    private func idToken(_ grant: Grant) throws -> String {
        let state = state.withLock(\.self)
        guard let key = state.keys.last else { throw NoIssuer() }
        let now = World.live.now() / 1_000
        var claims: [JSON.Member] = [
            .init("iss", .string(url)), .init("sub", .string(grant.subject)), .init("aud", .string(Self.clientID)),
            .init("exp", JSON(now + 300)), .init("iat", JSON(now)), .init("nonce", .string(grant.nonce)),
            .init("name", .string("Name of \(grant.subject)")),
        ]
        state.change(&claims)
        var header: [JSON.Member] = [.init("alg", .string(key.name))]
        if let id = key.id { header.append(.init("kid", .string(id))) }
        state.header(&header)
        let message = [header, claims].map { Base64.encodeURL(JSON.object($0).bytes()) }.joined(separator: ".")
        let signature = try key.algorithm.sign(Array(message.utf8))
        return state.seal("\(message).\(Base64.encodeURL(signature))")
    }

    private static func error(_ code: String) -> Reply { .json(.badRequest, ["error": .string(code)]) }

    private static func decode(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            bytes += Hex.decode(String(decoding: rest.prefix(2), as: UTF8.self)) ?? []
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension TestIssuer {
    static func elliptic(_ id: String?) async throws -> Key {
        let key = ES256PrivateKey()
        guard let point = key.publicKey.parameters else { throw NoIssuer() }
        let notify = await JWTKeyCollection().add(ecdsa: key)
        var shown: [JSON.Member] = [
            .init("kty", "EC"), .init("crv", "P-256"), .init("x", .string(url(point.x))),
            .init("y", .string(url(point.y))),
        ]
        if let id { shown.append(.init("kid", .string(id))) }
        return Key(id: id, name: "ES256", algorithm: try await notify.getKey(), shown: .object(shown))
    }

    static func rsa(_ id: String?, bits: Int = 2_048) async throws -> Key {
        let pem = try await Tool.run("/usr/bin/openssl", ["genrsa", "\(bits)"])
        let start = pem.firstRange(of: "-----BEGIN")?.lowerBound ?? pem.startIndex
        let key = try Insecure.RSA.PrivateKey(pem: String(pem[start...]))
        let numbers = try key.publicKey.getKeyPrimitives()
        let notify = await JWTKeyCollection().add(rsa: key, digestAlgorithm: .sha256)
        var shown: [JSON.Member] = [
            .init("kty", "RSA"), .init("use", "sig"), .init("alg", "RS256"),
            .init("n", .string(Base64.encodeURL(Array(numbers.modulus)))),
            .init("e", .string(Base64.encodeURL(Array(numbers.publicExponent)))),
        ]
        if let id { shown.append(.init("kid", .string(id))) }
        return Key(id: id, name: "RS256", algorithm: try await notify.getKey(), shown: .object(shown))
    }

    /// Standard base64 as the URL's.
    private static func url(_ base64: String) -> String {
        Base64.encodeURL(Base64.decode(base64) ?? Base64.decodeURL(base64) ?? [])
    }
}
