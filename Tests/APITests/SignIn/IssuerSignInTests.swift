import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Signing in by an issuer's word", .timeLimit(.minutes(3)))
struct IssuerSignInTests {
    @Test("a new face becomes a member, and comes back as the same one", arguments: TestDatabase.all)
    func members(on database: TestDatabase) async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(database, by: issuer) { visitor async throws in
                let first = try await visitor.member()
                #expect(first["name"] == "Name of sub-1" && first["role"] == "member")
                #expect(try await visitor.member() == first)
                issuer.change { $0.subject = "sub-2" }
                let second = try await visitor.member()
                #expect(second["id"] != first["id"] && second["name"] == "Name of sub-2")
                // The answer is that of a login, and the cookie is taken back.
                let reply = try await visitor.signIn()
                #expect(reply.json["token_type"] == "bearer")
                #expect(reply["Set-Cookie"]?.hasPrefix("hatchfarm_oidc=; Path=/auth/oidc/test; Max-Age=0") == true)
                #expect(reply["Cache-Control"] == "no-store")
                // What it says of itself and its keys was asked once.
                #expect(issuer.calls("/.well-known/openid-configuration") == 1)
                #expect(issuer.calls("/keys") == 1)
            }
        }
    }

    @Test("the browser takes along what the code flow with PKCE asks for, and keeps the rest to itself")
    func start() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                let reply = try await visitor.plane.send("GET", "/auth/oidc/test/start", base: "")
                let address = try #require(reply["Location"])
                #expect(address.hasPrefix(issuer.url + "/authorize?response_type=code&client_id=hatch%20farm&"))
                #expect(address.contains("redirect_uri=https%3A%2F%2Ffarm.example%2Fauth%2Foidc%2Ftest%2Fcallback&"))
                #expect(address.contains("&code_challenge_method=S256"))
                let cookie = try #require(reply["Set-Cookie"])
                #expect(
                    cookie.hasSuffix("; Path=/auth/oidc/test; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "\(cookie)"
                )
                let value = try #require(cookie.split(separator: ";").first?.split(separator: "=").last)
                let claims = try JSON(parsing: #require(Base64.decodeURL(String(value.split(separator: ".")[1]))))
                let verifier = try #require(claims["verifier"]?.string)
                #expect(verifier.utf8.count == 43 && !address.contains(verifier))
                #expect(address.contains("code_challenge=\(Base64.encodeURL(SHA256.hash(verifier)))&"))
                let again = try await visitor.start()
                #expect(again.address != address)
                let list = try await visitor.plane.send("GET", "/auth/oidc", base: "")
                #expect(list.json == ["issuers": [["name": "test"]]])
                #expect(try await visitor.plane.send("GET", "/auth/oidc/other/start", base: "").status == 404)
            }
        }
    }

    @Test("without an issuer there is no such thing")
    func off() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            for path in ["/auth/oidc", "/auth/oidc/test/start", "/auth/oidc/test/callback?code=a&state=b"] {
                #expect(try await plane.send("GET", path, base: "").status == 404, "\(path)")
            }
        }
    }

    @Test("many doors at once make one member of one face", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(database, by: issuer) { visitor async throws in
                let before = try await visitor.countMembers() ?? 0
                let ids = try await withThrowingTaskGroup(of: JSON?.self) { group in
                    for _ in 0..<8 { group.addTask { try await visitor.member()["id"] } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(ids.count == 8 && ids.allSatisfy { $0 == ids[0] && $0 != nil })
                #expect(try await visitor.countMembers() == before + 1)
            }
        }
    }

    @Test("a state that isn't the browser's own, or that served before, is 400 and nothing is asked of the issuer")
    func states() async throws {
        let clock = TestClock()
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer, clock: clock) { visitor async throws in
                let members = try await visitor.countMembers()
                let (address, cookie) = try await visitor.start()
                let back = try await visitor.consent(address)
                let mallory = try await visitor.start()
                let state = try #require(back.firstRange(of: "state=")?.upperBound)
                let flipped = back[..<state] + (back[state] == "A" ? "B" : "A") + back[back.index(after: state)...]
                func refused(_ path: String, _ cookie: String?, _ what: Comment) async throws {
                    let reply = try await visitor.end(path, cookie)
                    #expect(reply.status == 400, what)
                }
                try await refused(String(flipped), cookie, "an altered state")
                try await refused(String(back[..<state]), cookie, "an empty state")
                try await refused("/auth/oidc/test/callback?code=x", cookie, "no state")
                try await refused("/auth/oidc/test/callback", cookie, "nothing at all")
                try await refused(back, nil, "a browser that began nothing")
                try await refused(back, mallory.cookie, "another browser's sign-in")
                try await refused(back, "hatchfarm_oidc=", "an empty cookie")
                try await refused(back, "hatchfarm_oidc=a.b.c", "no cookie of ours")
                try await refused(back, String(cookie.dropLast(3)) + "AAA", "an altered cookie")
                try await visitor.plane.user("ann")
                let token = try await visitor.plane.token("ann")
                try await refused(back, "hatchfarm_oidc=\(token)", "a login's token for a cookie")
                let value = try #require(cookie.split(separator: "=").last)
                #expect(try await visitor.plane.jobs(String(value)).status == 401, "a cookie for a login's token")
                #expect(issuer.calls("/token") == 0)

                let fresh = try await visitor.start()
                let once = try await visitor.consent(fresh.address)
                #expect(try await visitor.end(once, fresh.cookie).status == 200)
                try await refused(once, fresh.cookie, "a callback replayed")
                clock.advance(by: .seconds(600))
                try await refused(back, cookie, "an expired cookie")
                #expect(issuer.calls("/token") == 1)
                #expect(try await visitor.countMembers() == members.map { $0 + 2 })
            }
        }
    }

    @Test("a code that the issuer doesn't take, or an answer of another issuer's, is 401")
    func codes() async throws {
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(.sqlite, by: issuer) { visitor async throws in
                func expect(
                    _ status: Int, _ change: (String) -> String, _ location: SourceLocation = #_sourceLocation
                ) async throws {
                    let (address, cookie) = try await visitor.start()
                    let reply = try await visitor.end(change(try await visitor.consent(address)), cookie)
                    #expect(reply.status == status, sourceLocation: location)
                }
                try await expect(200) { $0 }
                try await expect(401) { $0.replacing("code=", with: "code=0") }
                try await expect(401) { $0.replacing("code=", with: "error=access_denied&x=") }
                try await expect(401) { $0.replacing("code=", with: "code=&x=") }
                try await expect(401) { $0 + "&iss=https://other.example" }
                try await expect(200) { $0 + "&iss=\(issuer.url)" }
                // Another's code in one's own sign-in: its challenge is of another secret.
                let stolen = try await visitor.consent(try await visitor.start().address)
                let code = try #require(stolen.firstMatch(of: #/code=([0-9a-f]+)/#)?.1)
                try await expect(401) { $0.replacing(#/code=[0-9a-f]+/#, with: "code=\(code)") }
            }
        }
    }

    @Test("a disabled member can't come in, and its tokens are void", arguments: TestDatabase.all)
    func disabled(on database: TestDatabase) async throws {
        let clock = TestClock()
        try await TestIssuer.run { issuer async throws in
            try await ControlPlane.run(database, by: issuer, clock: clock) { visitor async throws in
                let (plane, reply) = (visitor.plane, try await visitor.signIn())
                let token = try #require(reply.json["access_token"]?.string)
                let id = try await plane.get("/agents/me", Caller(owner: "", key: token)).data["agent"]?["id"]?.string
                let member = MemberID(try #require(id))
                try await plane.dependencies.database.write { try $0.disableIdentities(of: member) }
                clock.advance(by: .seconds(6))
                #expect(try await plane.jobs(token).status == 401)
                #expect(try await visitor.signIn().status == 401)
                try await plane.dependencies.database.write { try $0.disableIdentities(of: member, false) }
                #expect(try await plane.jobs(token).status == 401)
                #expect(try await visitor.member()["id"]?.string == member.text)
            }
        }
    }
}
