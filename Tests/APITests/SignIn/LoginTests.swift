import API
import Bytes
import Domain
import Store
import Support
import Testing

extension ControlPlane {
    /// A login named `name`, with the password `secret`, and its member's id.
    @discardableResult
    func user(_ name: String, password: String = "secret") async throws -> String {
        let hash = try #require(Password.hash(password))
        return try await dependencies.database.write { try $0.addLogin(username: name, passwordHash: hash).id.text }
    }

    func login(_ name: String, _ password: String = "secret") async throws -> PlaneReply {
        let body: JSON = ["username": .string(name), "password": .string(password)]
        return try await send("POST", "/auth/login", bytes: body.bytes(), base: "")
    }

    /// The token of a login that has to succeed.
    func token(_ name: String, _ password: String = "secret") async throws -> String {
        let reply = try await login(name, password)
        return try #require(reply.json["access_token"]?.string, "\(reply.text)")
    }

    func jobs(_ bearer: String) async throws -> PlaneReply {
        try await send("GET", "/jobs", [("Authorization", "Bearer \(bearer)")])
    }
}

@Suite("Logins", .timeLimit(.minutes(2)))
struct LoginTests {
    @Test("a login gives a token that speaks for its member", arguments: TestDatabase.all)
    func speaks(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            let ann = try await plane.user("Ann")
            try await plane.user("bob")
            let reply = try await plane.login("ANN")
            #expect(reply.status == 200 && reply.json["token_type"] == "bearer", "\(reply.text)")
            #expect(reply["X-RateLimit-Limit"] == "100" && reply["X-RateLimit-Remaining"] == "99")
            let token = try #require(reply.json["access_token"]?.string)
            let caller = Caller(owner: ann, key: token)
            #expect(try await plane.get("/agents/me", caller).data["agent"]?["id"]?.string == ann)
            let job = try await plane.job(of: caller)
            #expect(try await plane.show(job, caller)["id"]?.string == job)
            let bob = Caller(owner: "", key: try await plane.token("bob"))
            #expect(try await plane.get("/jobs/\(job)", bob).status == 404)
            #expect(try await plane.get("/jobs", caller.with(("X-Owner-ID", ann))).status == 200)
            #expect(try await plane.get("/jobs", caller.with(("X-Owner-ID", "alice"))).status == 403)
        }
    }

    @Test("a token holds the claims of the contract, and they are the member's")
    func claims() async throws {
        try await ControlPlane.run(.sqlite, .set(\.tokenSecrets, [Array(Forger.secret.utf8)])) { plane async throws in
            let ann = try await plane.user("ann")
            let parts = try await plane.token("ann").split(separator: ".").map { Base64.decodeURL(String($0)) }
            let header = try JSON(parsing: #require(parts[0]))
            let claims = try JSON(parsing: #require(parts[1]))
            #expect(header["alg"] == "HS256" && header["typ"] == "JWT")
            #expect(claims["sub"] == "ann" && claims["iss"] == "hatchfarm" && claims["aud"] == "hatchfarm-api")
            #expect(claims["member"]?.string == ann)
            let (exp, iat) = try (#require(claims["exp"]?.int), #require(claims["iat"]?.int))
            #expect(exp - iat == 1_800 && abs(iat - World.live.now() / 1_000) < 60)
        }
    }

    @Test("who isn't known, or doesn't know the password, is told the same", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane async throws in
            try await plane.user("ann")
            try await plane.user("gone")
            try await plane.dependencies.database.write { try $0.disableLogin("gone") }
            for (name, password) in [
                ("ann", "Secret"), ("ann", ""), ("ann", "secret "), ("eve", "secret"), ("gone", "secret"),
                ("a n n", "secret"), ("", "secret"), ("änn", "secret"), ("ann' OR 1=1", "secret"),
            ] {
                let reply = try await plane.login(name, password)
                #expect(reply.status == 401, "\(name) \(password)")
                #expect(reply["WWW-Authenticate"] == "Bearer")
                let error: JSON = [
                    "error": [
                        "type": "http_exception", "code": 401, "message": "Incorrect username or password",
                        "path": "/auth/login", "method": "POST",
                    ]
                ]
                #expect(reply.json == error)
            }
        }
    }

    @Test("what is no login is 422 and names the field")
    func malformed() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            for (text, field) in [
                ("{", nil), ("[]", nil), ("", nil), (#"{"username":"a"}"#, "password"),
                (#"{"password":"a"}"#, "username"), (#"{"username":1,"password":"a"}"#, "username"),
                (#"{"username":"a","password":null}"#, "password"),
                (#"{"username":"a","password":"b","scope":"c"}"#, "scope"),
                (#"{"username":"a","password":"\#(String(repeating: "b", count: 1_025))"}"#, "password"),
            ] as [(String, String?)] {
                let reply = try await plane.send("POST", "/auth/login", bytes: Array(text.utf8), base: "")
                #expect(reply.status == 422, "\(text)")
                let error = reply.json["error"]
                #expect(error?["type"] == "validation_error" && error?["field"]?.string == field, "\(reply.text)")
                #expect(reply["X-RateLimit-Limit"] == "100")
            }
            #expect(try await plane.send("GET", "/auth/login", base: "").status == 405)
            let lost = try await plane.send("GET", "/auth/logout", base: "")
            #expect(lost.status == 404 && lost.json["error"]?["type"] == "http_exception")
        }
    }

    @Test("an address has so many attempts in a window, and is told where it stands")
    func quota() async throws {
        let clock = TestClock()
        var world = World.live
        world.monotonic = { World.live.monotonic() + clock.offset }
        try await ControlPlane.run(.sqlite, .set(\.loginQuota, Quota(limit: 3, seconds: 900)), world: world) {
            plane async throws in
            func attempt() async throws -> PlaneReply {
                try await plane.send("POST", "/auth/login", bytes: Array("{}".utf8), base: "")
            }
            for left in ["2", "1", "0"] {
                let reply = try await attempt()
                #expect(reply.status == 422 && reply["X-RateLimit-Remaining"] == left)
            }
            let over = try await attempt()
            #expect(over.status == 429 && over["X-RateLimit-Remaining"] == "0")
            let wait = try #require(over["Retry-After"].flatMap { Int($0) })
            #expect((1...900).contains(wait))
            let reset = try #require(over["X-RateLimit-Reset"].flatMap { Int64($0) })
            #expect((1...901).contains(reset - World.live.now() / 1_000))
            clock.advance(by: .seconds(900))
            #expect(try await attempt().status == 422)
        }
    }

    @Test("another password voids the tokens of the one before, and disabling all of them", arguments: TestDatabase.all)
    func epochs(on database: TestDatabase) async throws {
        let clock = TestClock()
        var world = World.live
        world.monotonic = { World.live.monotonic() + clock.offset }
        try await ControlPlane.run(database, world: world) { plane async throws in
            try await plane.user("ann")
            func change(_ effect: @escaping @Sendable (Transaction) throws -> Void) async throws {
                try await plane.dependencies.database.write(effect)
                // What was looked up a moment ago may be taken for that moment.
                clock.advance(by: .seconds(6))
            }
            let hash = try #require(Password.hash("other"))
            let first = try await plane.token("ann")
            #expect(try await plane.jobs(first).status == 200)
            try await change { try $0.changePassword(of: "ann", hash: hash) }
            #expect(try await plane.jobs(first).status == 401)
            #expect(try await plane.login("ann").status == 401)
            let second = try await plane.token("ann", "other")
            #expect(try await plane.jobs(second).status == 200)
            try await change { try $0.disableLogin("ann") }
            #expect(try await plane.jobs(second).status == 401)
            #expect(try await plane.login("ann", "other").status == 401)
            try await change { try $0.disableLogin("ann", false) }
            #expect(try await plane.jobs(second).status == 401)
            let third = try await plane.token("ann", "other")
            #expect(try await plane.jobs(third).status == 200)
        }
    }

    @Test("logins wait for each other and not for the rest of the server")
    func crowd() async throws {
        try await ControlPlane.run(.sqlite) { plane async throws in
            try await plane.user("ann")
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<12 { group.addTask { try await plane.login("ann").status } }
                group.addTask { try await plane.send("GET", "/health", base: "").status }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.allSatisfy { $0 == 200 })
        }
    }
}
