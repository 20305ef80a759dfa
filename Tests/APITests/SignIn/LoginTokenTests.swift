import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Tokens of a login", .timeLimit(.minutes(2)))
struct LoginTokenTests {
    private static let secrets = [Array(Forger.secret.utf8), Array("the secret that was there before it".utf8)]

    /// A server with the login `ann`, whose clock is pushed on by `clock`.
    private func serve(
        clock: TestClock = TestClock(), _ body: (ControlPlane) async throws -> Void
    ) async throws {
        var world = World.live
        world.now = { clock.now }
        world.monotonic = { World.live.monotonic() + clock.offset }
        try await ControlPlane.run(.sqlite, .set(\.tokenSecrets, Self.secrets), world: world) { plane async throws in
            try await plane.user("ann")
            try await body(plane)
        }
    }

    @Test("one made by hand with the secret and the claims of the contract holds")
    func control() async throws {
        try await serve { plane async throws in
            let good = Forger("ann")
            #expect(try await plane.jobs(good.token).status == 200)
            var older = good
            older.key = Self.secrets[1]
            #expect(try await plane.jobs(older.token).status == 200)
            var untyped = good
            untyped.header = ["alg": "HS256"]
            #expect(try await plane.jobs(untyped.token).status == 200)
        }
    }

    /// What is changed of a token that holds, and its name.
    static let claimFlaws: [(String, @Sendable (inout Forger) -> Void)] = [
        ("no exp", { $0.set("exp", nil) }), ("exp as text", { $0.set("exp", "9999999999") }),
        ("exp null", { $0.set("exp", .null) }), ("exp without end", { $0.set("exp", .number("1e300")) }),
        ("exp in a list", { $0.set("exp", [9_999_999_999]) }), ("expired", { $0.set("exp", JSON(now - 1)) }),
        ("not yet", { $0.set("nbf", JSON(now + 300)) }), ("nbf as text", { $0.set("nbf", "0") }),
        ("too long a life", { $0.set("exp", JSON(now + 1_900)) }),
        ("from long ago, with a long life", { $0.set("iat", JSON(now - 86_400)) }),
        ("no iat", { $0.set("iat", nil) }), ("iat as text", { $0.set("iat", "0") }),
        (
            "from the future",
            {
                $0.set("iat", JSON(now + 120))
                $0.set("exp", JSON(now + 600))
            }
        ),
        ("before all time", { $0.set("iat", .number("-9223372036854775808")) }),
        ("no aud", { $0.set("aud", nil) }), ("another aud", { $0.set("aud", "authenticated") }),
        ("the cookie's aud", { $0.set("aud", "hatchfarm-oidc") }),
        ("two auds", { $0.set("aud", ["hatchfarm-api", "x"]) }),
        ("no iss", { $0.set("iss", nil) }), ("another iss", { $0.set("iss", "https://evil.example") }),
        ("no sub", { $0.set("sub", nil) }), ("another sub", { $0.set("sub", "eve") }), ("sub 7", { $0.set("sub", 7) }),
        ("another's member", { $0.set("member", "00000000-0000-7000-8000-000000000001") }),
        ("another epoch", { $0.set("epoch", 1) }),
        ("an issuer that vouches for nobody", { $0.set("idp", "https://issuer.example") }),
        ("another secret", { $0.key = Array("another secret of thirty-two bytes, or so".utf8) }),
        ("an empty secret", { $0.key = [] }),
        ("alg RS256", { $0.header = ["alg": "RS256", "typ": "JWT"] }),
        ("alg none, and signed", { $0.header = ["alg": "none", "typ": "JWT"] }),
        ("alg HS384, signed with 256", { $0.header = ["alg": "HS384", "typ": "JWT"] }),
        ("alg hs256", { $0.header = ["alg": "hs256", "typ": "JWT"] }),
        ("no alg", { $0.header = ["typ": "JWT"] }), ("alg 1", { $0.header = ["alg": 1] }),
        ("two algs", { $0.header = .object([.init("alg", "HS256"), .init("alg", "none")]) }),
        ("another typ", { $0.header = ["alg": "HS256", "typ": "at+jwt"] }),
        ("critical extensions", { $0.header = ["alg": "HS256", "crit": ["b64"], "b64": false] }),
        ("an unknown key", { $0.header = ["alg": "HS256", "kid": "0123456789abcdef"] }),
        ("kid 7", { $0.header = ["alg": "HS256", "kid": 7] }),
        ("a header that is none", { $0.header = [] }),
    ]

    private static var now: Int64 { World.live.now() / 1_000 }

    @Test("one with any flaw is 401 and has no effect")
    func flaws() async throws {
        try await serve { plane async throws in
            for (name, change) in Self.claimFlaws {
                var forger = Forger("ann")
                change(&forger)
                let reply = try await plane.jobs(forger.token)
                #expect(reply.status == 401, "\(name)")
                #expect(reply.json["error"]?["message"] == "Could not validate credentials")
                #expect(reply["WWW-Authenticate"] == "Bearer")
                let caller = Caller(owner: "", key: forger.token)
                #expect(try await plane.post("/jobs", caller, ControlPlane.request()).status == 401, "\(name)")
            }
            let count = try await plane.dependencies.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM jobs") { try $0.integer() }
            }
            #expect(count == 0)
        }
    }

    @Test("one that is signed in another way, or not, is 401")
    func signatures() async throws {
        try await serve { plane async throws in
            var forger = Forger("ann")
            let token = forger.token
            let parts = token.split(separator: ".").map(String.init)
            #expect(try await plane.jobs("\(parts[0]).\(parts[1]).").status == 401)
            #expect(try await plane.jobs("\(parts[0]).\(parts[1])").status == 401)
            #expect(try await plane.jobs("\(token).\(parts[2])").status == 401)
            #expect(try await plane.jobs("\(token)=").status == 401)
            #expect(try await plane.jobs(String(token.dropLast())).status == 401)
            // Each character of the signature and of what is signed counts, to the last bit.
            for (place, character) in token.enumerated() where character != "." {
                guard place % 7 == 0 || place >= token.count - 2 else { continue }
                for other in character == "A" ? ["B", "C"] : ["A", "B"] where Character(other) != character {
                    let altered = token.prefix(place) + other + token.dropFirst(place + 1)
                    #expect(try await plane.jobs(String(altered)).status == 401, "\(place)")
                }
            }
            forger.header = ["alg": "HS384", "typ": "JWT"]
            let longer = try await forger.longer()
            #expect(try await plane.jobs(longer).status == 401)
            forger.header = ["alg": "none"]
            #expect(try await plane.jobs(forger.sealed([])).status == 401)
            #expect(try await plane.jobs(token).status == 200)
        }
    }

    @Test("one ends half an hour after it was issued, also while it is remembered")
    func expiry() async throws {
        let clock = TestClock()
        try await serve(clock: clock) { plane async throws in
            let token = try await plane.token("ann")
            clock.advance(by: .seconds(1_790))
            #expect(try await plane.jobs(token).status == 200)
            clock.advance(by: .seconds(10))
            #expect(try await plane.jobs(token).status == 401)
        }
    }

    @Test("one of an earlier process holds while the secret is the same, and ends with a secret made at the start")
    func restart() async throws {
        let file = "sqlite:" + Scratch.path("logins.db")
        var tokens: [String] = []
        for settings in [[Self.secrets[1]], []] {
            try await ControlPlane.run(.sqlite, .set(\.tokenSecrets, settings), url: file) { plane async throws in
                if tokens.isEmpty { try await plane.user("ann") }
                tokens.append(try await plane.token("ann"))
            }
        }
        try await ControlPlane.run(.sqlite, .set(\.tokenSecrets, Self.secrets), url: file) { plane async throws in
            #expect(try await plane.jobs(tokens[0]).status == 200)
            #expect(try await plane.jobs(tokens[1]).status == 401)
        }
    }

    @Test("a login gives no more rights than its member has")
    func roles() async throws {
        try await serve { plane async throws in
            let member = try await plane.user("root")
            let bearer = [("Authorization", "Bearer \(try await plane.token("root"))")]
            #expect(try await plane.send("GET", "/machines", bearer).status == 200)
            #expect(try await plane.send("GET", "/agents/me", bearer).data["agent"]?["role"] == "member")
            #expect(try await plane.send("GET", "/agents/me", bearer).data["agent"]?["id"]?.string == member)
        }
    }
}
