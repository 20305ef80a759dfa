import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("bee:hack: registration", .timeLimit(.minutes(2)))
struct RegistrationTests {
    @Test("GET /register tells what this is and every endpoint", arguments: TestDatabase.all)
    func discovery(on database: TestDatabase) async throws {
        try await SocialLab.run(database, .set(\.publicURL, "https://bees.example")) { lab in
            let reply = try await lab.get("/register")
            let platform = reply.json
            #expect(reply.status == 200 && platform["name"] == "bee:hack")
            #expect(platform["version"]?.string == AppConfiguration(operatorToken: "x").version)
            #expect(platform["documentation"]?["openapi"] == "https://bees.example/openapi.json")
            #expect(
                platform["templates"]?["profile"] == "https://bees.example/api/users/profile?name={handle}")
            #expect((platform["quickstart"]?.array ?? []).count >= 3)
            let endpoints = platform["endpoints"]?.array ?? []
            #expect(endpoints.count == APISystem.beeHack.routes.count)
            let named = endpoints.map {
                "\($0["method"]?.string ?? "") \($0["path"]?.string ?? "") \($0["auth"] ?? "")"
            }
            #expect(named.contains("POST /register \(JSON.bool(false))"))
            #expect(named.contains("POST /messages \(JSON.bool(true))"))
            #expect(try await lab.send("PUT", "/register", nil).status == 405)
        }
    }

    @Test("POST /register is 201 with a key that works everywhere, and 100 points", arguments: TestDatabase.all)
    func register(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let reply = try await lab.send(
                "POST", "/register", nil,
                [
                    "name": "Maya", "handle": " MAYA_9\t", "description": "Counts words.",
                    "identity_url": "HTTPS://maya.example/me?x=1#y",
                ])
            let made = reply.json
            try #require(reply.status == 201, "\(reply.text)")
            #expect(made.members?.map(\.key) == ["user", "config", "platform", "nextSteps"])
            let user = try #require(made["user"])
            #expect(user.members?.map(\.key) == ["id", "name", "handle", "description"])
            #expect(user["name"] == "Maya" && user["handle"] == "maya_9" && user["description"] == "Counts words.")
            let id = try #require(user["id"]?.string)
            let key = try #require(made["config"]?["api_key"]?.string)
            #expect(UUIDv7.isUUID(id) && key.hasPrefix("bhv_") && Hex.isHex(String(key.dropFirst(4)), lengths: 48...48))
            // Without a public URL, the path.
            #expect(made["config"]?["profile_url"] == "/api/users/profile?name=maya_9")
            #expect(reply["Location"] == "/api/users/profile?name=maya_9")
            #expect(made["platform"]?["name"] == "bee:hack" && made["nextSteps"]?.array?.isEmpty == false)
            let maya = Caller(owner: id, key: key)
            #expect(try await lab.get("/messages", maya).status == 200)
            #expect(try await lab.plane.get("/agents/me", maya).data["agent"]?["handle"] == "maya_9")
            // A key of the other prefix is as good here.
            let other = try await lab.plane.agent("Noor")
            #expect(other.key.hasPrefix("hf_"))
            #expect(try await lab.get("/messages", other).status == 200)
            let profile = try await lab.get("/users/profile?name=maya_9").json
            #expect(profile["identity_url"] == "HTTPS://maya.example/me?x=1#y" && profile["total_points"] == 100)
            let lines = try await lab.get("/users/maya_9/transactions", maya).json["transactions"]?.array
            #expect(lines?.map { $0["reason"] } == ["registration_bonus"])
            #expect(try await lab.events(.agentRegistered, of: maya) == 1)
            let hashes = try await lab.number(
                "SELECT COUNT(*) FROM api_keys WHERE hash = \(SHA256.hex(key)) AND prefix = \(String(key.prefix(7)))")
            #expect(hashes == 1)
        }
    }

    @Test("what can't be registered is 400 or 409, in plain words, and leaves nothing", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            _ = try await lab.join("taken")
            let before = try await DatabaseContents.read(lab.database)
            for handle in ["taken", " TAKEN "] {
                let reply = try await lab.send("POST", "/register", nil, ["name": "T", "handle": .string(handle)])
                #expect(reply.refusal == "409 This handle is already taken; choose another")
            }
            for handle in [
                "", "ab", "a-b", "mémé", "a b", "queenbee", " Admin", "SYSTEM", "operator", "null", "a.b",
                "\u{212A}ing",
                String(repeating: "a", count: 31), String(repeating: "a", count: 100_000),
            ] {
                let reply = try await lab.send("POST", "/register", nil, ["name": "T", "handle": .string(handle)])
                #expect(reply.status == 400, "\(handle.prefix(40))")
                #expect(
                    reply.json["error"]?.string == "handle must be 3 to 30 of a–z, 0–9 and _, and no reserved word")
            }
            let good: [JSON.Member] = [.init("name", "T"), .init("handle", "tess")]
            for (member, value) in [
                ("name", .null), ("name", ""), ("name", " "), ("name", 7), ("name", .long(129)),
                ("handle", .null), ("handle", 7), ("handle", []), ("description", 7), ("description", .long(1_025)),
                ("role", "queenbee"), ("id", "x"), ("identity_url", "maya.example"), ("identity_url", "ftp://a"),
                ("identity_url", "javascript:alert(1)"), ("identity_url", "https://"), ("identity_url", "https:///x"),
                ("identity_url", "https://a b"), ("identity_url", "https://é"), ("identity_url", 7),
                ("identity_url", .string("https://a/" + String(repeating: "a", count: 2_039))),
            ] as [(String, JSON)] {
                let body = JSON.object(good.filter { $0.key != member } + [.init(member, value)])
                let reply = try await lab.send("POST", "/register", nil, body)
                #expect(reply.status == 400, "\(body.text().prefix(80)): \(reply.text)")
                #expect(reply.json.members?.map(\.key) == ["error"])
            }
            for text in [
                "", "{", "[]", "null", #"{"name":"T","handle":"tess"} x"#, "{\"name\":\"\u{0}\"}",
                #"{"name":"T","handle":"tess\u0000"}"#,
            ] {
                let reply = try await lab.plane.send("POST", "/register", bytes: Array(text.utf8), base: "/api")
                #expect(reply.status == 400 && reply.json["error"]?.string != nil, "\(text)")
            }
            #expect(try await DatabaseContents.read(lab.database) == before)
            let most = JSON.object([
                .init("name", .long(128)), .init("handle", .string(String(repeating: "a", count: 30))),
                .init("description", .long(1_024)),
                .init("identity_url", .string("https://a/" + String(repeating: "a", count: 2_038))),
            ])
            #expect(try await lab.send("POST", "/register", nil, most).status == 201)
        }
    }

    @Test("of many who want one handle, one gets it", arguments: TestDatabase.all)
    func crowd(on database: TestDatabase) async throws {
        try await SocialLab.run(database) { lab in
            let statuses = try await atOnce(12) { _ in
                try await lab.send("POST", "/register", nil, ["name": "T", "handle": "tess"]).status
            }
            #expect(statuses.sorted() == [201] + Array(repeating: 409, count: 11))
            #expect(try await lab.number("SELECT COUNT(*) FROM members WHERE handle = 'tess'") == 1)
            let mine = try await lab.number("SELECT COUNT(*) FROM members WHERE role = 'member'")
            #expect(mine == 1)
        }
    }

    @Test("registration is metered by address, and a good key doesn't help")
    func metered() async throws {
        try await SocialLab.run(.sqlite, .set(\.addressRate, Rate(burst: 3, perSecond: 1)), world: .still) { lab in
            let maya = try await lab.join("maya")
            #expect(try await lab.get("/messages", maya).status == 200)
            for handle in ["one", "two"] { _ = try await lab.join(handle) }
            let reply = try await lab.send("POST", "/register", maya, ["name": "T", "handle": "three"])
            #expect(reply.status == 429 && reply["Retry-After"] != nil && reply.json["error"]?.string != nil)
            #expect(try await lab.get("/messages", maya).status == 200)
        }
    }
}
