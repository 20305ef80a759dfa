import API
import Bytes
import HTTPTypes
import Support
import Testing

@Suite("An issuer at fault", .timeLimit(.minutes(2)))
struct IssuerFaultTests {
    private static let describes = "/.well-known/openid-configuration"

    @Test("that doesn't describe itself as it should is 503 until it does")
    func metadata() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                func start() async throws -> PlaneReply {
                    try await visitor.plane.send("GET", "/auth/oidc/test/start", base: "")
                }
                for (name, value) in [
                    ("issuer", "https://other.example"), ("issuer", .null), ("token_endpoint", .null),
                    ("jwks_uri", "ftp://127.0.0.1/keys"), ("authorization_endpoint", "http://other.example/"),
                    ("token_endpoint", "http://127.0.0.1:1@other.example/"),
                    ("id_token_signing_alg_values_supported", ["none", "HS256"]),
                ] as [(String, JSON)] {
                    issuer.change { state in
                        state.metadata = { members in
                            members = members.filter { $0.key != name } + [.init(name, value)]
                        }
                    }
                    let reply = try await start()
                    #expect(reply.status == 503 && reply["Retry-After"] != nil, "\(name) \(value)")
                    #expect(!reply.text.contains("127.0.0.1"))
                }
                issuer.change { $0.metadata = { _ in } }
                #expect(try await start().status == 302)
            }
        }
    }

    @Test("that is slow, endless, broken or leads elsewhere is 503, and is followed nowhere")
    func answers() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer, patience: .seconds(2)) { visitor async throws in
                let elsewhere = issuer.url + "/elsewhere"
                let faults: [(String, @Sendable () async throws -> Reply)] = [
                    (
                        "slow",
                        {
                            try await World.live.sleep(.seconds(6)); return .json(.ok, [:])
                        }
                    ),
                    ("endless", { .text(.ok, "\"" + String(repeating: "x", count: 1 << 20) + "\"") }),
                    ("broken", { .text(.ok, "{") }), ("no object", { .text(.ok, "[]") }),
                    ("elsewhere", { .empty(.found).with(.location, elsewhere) }),
                    ("failing", { .json(.internalServerError, [:]) }),
                ]
                for path in ["/keys", "/token"] {
                    for (name, fault) in faults {
                        issuer.change { $0.instead = [path: fault] }
                        // From where the token comes, JSON without one is a no.
                        let expected = path == "/token" && name == "no object" ? 401 : 503
                        #expect(try await visitor.signIn().status == expected, "\(path) \(name)")
                    }
                }
                issuer.change { $0.instead = ["/token": { .json(.ok, ["access_token": "x"]) }] }
                #expect(try await visitor.signIn().status == 401)
                issuer.change { $0.instead = [:] }
                #expect(try await visitor.signIn().status == 200)
            }
        }
    }

    @Test("that is away is 503")
    func away() async throws {
        let port = try Tool.freePort()
        let issuer = try #require(
            OIDCIssuer(name: "test", url: "http://127.0.0.1:\(port)", clientID: "c", clientSecret: nil))
        try await ControlPlane.run(.sqlite, .set(\.issuers, [issuer]), .set(\.publicURL, Visitor.farm)) { plane in
            let reply = try await plane.send("GET", "/auth/oidc/test/start", base: "")
            #expect(reply.status == 503)
            #expect(reply.json["error"]?["message"] == "the issuer does not answer as it should")
        }
    }

    @Test("is asked as it wants to be, and held to what it says of itself")
    func wishes() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                #expect(try await visitor.signIn().status == 200)
                #expect(issuer.calls("secret in the head") == 1)
            }
            issuer.change { state in
                state.metadata = { $0.append(.init("token_endpoint_auth_methods_supported", ["client_secret_post"])) }
            }
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                #expect(try await visitor.signIn().status == 200)
                #expect(issuer.calls("secret in the form") == 1)
            }
            issuer.change { state in
                state.metadata = { $0.append(.init("authorization_response_iss_parameter_supported", true)) }
            }
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                #expect(try await visitor.signIn().status == 401)
                let (address, cookie) = try await visitor.start()
                let back = try await visitor.consent(address)
                #expect(try await visitor.end("\(back)&iss=\(issuer.url)", cookie).status == 200)
            }
        }
    }

    @Test("can't be set up by a name or an address that can't be one")
    func settings() {
        for url in [
            "https://login.example", "https://login.example/a/", "https://[2001:db8::1]:8443", "http://127.0.0.1:9",
            "http://localhost", "http://[::1]:80/x",
        ] {
            #expect(OIDCIssuer(name: "a-1", url: url, clientID: "c", clientSecret: nil) != nil, "\(url)")
        }
        for url in [
            "", "login.example", "http://login.example", "ftp://login.example", "https://", "https:///x",
            "https://a@b.example", "https://b.example#x", "https://b.example?x", "https://b .example",
            "https://ä.example",
            "http://127.0.0.1.evil.example", "http://localhost:1:2", "http://localhost:99999", "http://127.0.0.1@evil/",
            "HTTPS://b.example\n",
        ] {
            #expect(OIDCIssuer(name: "a", url: url, clientID: "c", clientSecret: nil) == nil, "\(url)")
        }
        for name in ["", "A", "a b", "a/b", "ä", "..", String(repeating: "a", count: 33)] {
            #expect(OIDCIssuer(name: name, url: "https://b", clientID: "c", clientSecret: nil) == nil, "\(name)")
        }
    }
}
