import API
import Bytes
import HTTPTypes
import Support
import Testing

@Suite("An issuer's ID token", .timeLimit(.minutes(3)))
struct IDTokenTests {
    private typealias Change = @Sendable (inout [JSON.Member]) -> Void

    private static func set(_ name: String, _ value: JSON?) -> Change {
        { members in members = members.filter { $0.key != name } + (value.map { [.init(name, $0)] } ?? []) }
    }

    private static var now: Int64 { World.live.now() / 1_000 }

    private static let claims: [(String, Change)] = [
        ("another iss", set("iss", "https://other.example")), ("no iss", set("iss", nil)),
        ("another aud", set("aud", "other")), ("no aud", set("aud", nil)), ("an empty aud", set("aud", [])),
        ("two auds without azp", set("aud", ["hatch farm", "other"])), ("another azp", set("azp", "other")),
        ("azp 7", set("azp", 7)), ("expired", set("exp", JSON(now - 61))), ("no exp", set("exp", nil)),
        ("exp as text", set("exp", "9999999999")), ("exp null", set("exp", .null)),
        ("no iat", set("iat", nil)), ("from the future", set("iat", JSON(now + 300))), ("iat true", set("iat", true)),
        ("not yet", set("nbf", JSON(now + 300))), ("another nonce", set("nonce", "x")), ("no nonce", set("nonce", nil)),
        ("no sub", set("sub", nil)), ("an empty sub", set("sub", "")), ("sub 7", set("sub", 7)),
        ("a sub without end", set("sub", .string(String(repeating: "s", count: 256)))),
    ]

    @Test("with a claim that doesn't hold is 401 and makes no member")
    func claims() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                let members = try await visitor.countMembers()
                for (name, change) in Self.claims {
                    issuer.change { $0.change = change }
                    #expect(try await visitor.signIn().status == 401, "\(name)")
                }
                #expect(try await visitor.countMembers() == members)
                for (name, change) in [
                    ("a list of one", Self.set("aud", ["hatch farm"])), ("our azp", Self.set("azp", "hatch farm")),
                    ("half seconds", Self.set("exp", .number("\(Self.now + 60).5"))),
                    ("no name", Self.set("name", nil)),
                    ("a blank name", Self.set("name", "  ")), ("a name without end", Self.set("name", .string(long))),
                    ("a little early", Self.set("iat", JSON(Self.now + 30))),
                ] {
                    issuer.change { $0.change = change }
                    #expect(try await visitor.signIn().status == 200, "\(name)")
                }
                #expect(try await visitor.countMembers() == members.map { $0 + 1 })
            }
        }
    }

    private var long: String { String(repeating: "n", count: 129) }

    @Test("with another signature than one of its keys is 401")
    func signatures() async throws {
        let key = try await TestIssuer.elliptic("k1")
        let stranger = try await TestIssuer.elliptic("k1")
        try await TestIssuer.run([key]) { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                func expect(
                    _ status: Int, _ change: @Sendable (inout TestIssuer.State) -> Void,
                    _ location: SourceLocation = #_sourceLocation
                ) async throws {
                    issuer.change(change)
                    let reply = try await visitor.signIn()
                    #expect(reply.status == status, sourceLocation: location)
                    issuer.change { state in
                        state.header = { _ in }
                        state.seal = { $0 }
                        state.keys = [key]
                    }
                }
                try await expect(200) { _ in }
                try await expect(401) { $0.keys = [stranger] }
                for alg in ["none", "HS256", "RS256", "ES384", "es256"] as [JSON] {
                    try await expect(401) { $0.header = Self.set("alg", alg) }
                }
                try await expect(401) { $0.header = Self.set("alg", nil) }
                try await expect(401) { $0.header = Self.set("kid", "k2") }
                try await expect(401) { $0.header = Self.set("kid", 7) }
                try await expect(401) { $0.header = Self.set("crit", ["x"]) }
                try await expect(401) { $0.seal = { String($0.dropLast(4)) + "AAAA" } }
                try await expect(401) { $0.seal = { Self.unsigned($0) } }
                try await expect(401) { $0.seal = { _ in "x" } }
                // Signed with what is no secret: our own client's secret, or the public key.
                for secret in [TestIssuer.clientSecret, key.shown.text(.compact), key.shown["x"]?.string ?? ""] {
                    let confused: @Sendable (inout TestIssuer.State) -> Void = { state in
                        state.header = Self.set("alg", "HS256")
                        state.seal = { Self.resigned($0, with: secret) }
                    }
                    try await expect(401, confused)
                }
                // The only key needs no name.
                try await expect(200) { $0.header = Self.set("kid", nil) }
            }
        }
    }

    private static func unsigned(_ token: String) -> String {
        token.split(separator: ".").prefix(2).joined(separator: ".") + "."
    }

    private static func resigned(_ token: String, with secret: String) -> String {
        let message = token.split(separator: ".").prefix(2).joined(separator: ".")
        return "\(message).\(Base64.encodeURL(HMACSHA256.sign(key: secret, message: message)))"
    }

    @Test("of RSA is taken too, each key for its own sort of signature")
    func rsa() async throws {
        let (rsa, elliptic) = (try await TestIssuer.rsa("r1"), try await TestIssuer.elliptic("e1"))
        try await TestIssuer.run([elliptic, rsa]) { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                #expect(try await visitor.signIn().status == 200)
                // One key's name with another's signature, and an algorithm of the other's.
                issuer.change { $0.header = Self.set("kid", "e1") }
                #expect(try await visitor.signIn().status == 401)
                issuer.change { $0.header = Self.set("alg", "ES256") }
                #expect(try await visitor.signIn().status == 401)
                // Only what the issuer says that it signs with.
                issuer.change { $0.header = { _ in } }
                #expect(try await visitor.signIn().status == 200)
            }
            issuer.change { $0.metadata = Self.set("id_token_signing_alg_values_supported", ["ES256"]) }
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                #expect(try await visitor.signIn().status == 401)
            }
        }
    }

    @Test("by a new key is taken once a minute has passed, however many come by unknown ones")
    func rotation() async throws {
        let clock = TestClock()
        let (old, new) = (try await TestIssuer.elliptic("old"), try await TestIssuer.elliptic("new"))
        try await TestIssuer.run([old]) { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer, clock: clock) { visitor async throws in
                #expect(try await visitor.signIn().status == 200)
                issuer.change { $0.keys = [old, new] }
                for _ in 0..<5 { #expect(try await visitor.signIn().status == 401) }
                #expect(issuer.calls("/keys") == 1)
                clock.advance(by: .seconds(60))
                #expect(try await visitor.signIn().status == 200)
                #expect(issuer.calls("/keys") == 2)
                issuer.change { $0.header = Self.set("kid", "never seen") }
                clock.advance(by: .seconds(60))
                for _ in 0..<5 { #expect(try await visitor.signIn().status == 401) }
                #expect(issuer.calls("/keys") == 3)
                // A key that is gone counts no longer than the hour in which the set is fresh.
                issuer.change { state in
                    state.header = { _ in }
                    state.keys = [new, old]
                }
                #expect(try await visitor.signIn().status == 200)
                clock.advance(by: .seconds(3_600))
                issuer.change { $0.instead["/keys"] = { .json(.ok, ["keys": []]) } }
                #expect(try await visitor.signIn().status == 401)
            }
        }
    }
}
