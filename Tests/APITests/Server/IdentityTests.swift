import API
import Bytes
import Domain
import Store
import Testing

@Suite("Identity", .timeLimit(.minutes(1)))
struct IdentityTests {
    private let body = #"{"title":"a"}"#

    @Test("without a good credential a member's operation is 401, in the system's words")
    func unauthorized() async throws {
        try await TestServer.run { server async throws in
            for headers in [
                [], [("Authorization", "Bearer wrong")], [("Authorization", "Basic b3A6")],
                [("Authorization", "Bearer ")], [("Authorization", "Bearer a b")], [("X-Owner-ID", "alice")],
            ] {
                let hatch = try await server.send(.POST, "/hatch/echo", headers, json: body)
                #expect(hatch.status == 401)
                #expect(hatch["WWW-Authenticate"] == "Bearer")
                #expect(try hatch.json["error"] == "who are you")
                let steel = try await server.send(.POST, "/steel/echo", headers, json: body)
                #expect(try steel.json["error"]?["message"] == "Could not validate credentials")
            }
        }
    }

    @Test("the operator names the owner it acts for")
    func operatorToken() async throws {
        try await TestServer.run { server async throws in
            let good = try await server.send(.POST, "/hatch/echo", server.asAlice, json: body)
            #expect(good.status == 201)
            #expect(try good.json["owner"] == "alice")
            #expect(good["Location"] == "/hatch/things/1")
            let unnamed = try await server.send(.POST, "/hatch/echo", server.asOperator, json: body)
            #expect(unnamed.status == 400)
            #expect(try unnamed.json["code"] == "missing_owner")
            for wrong in ["a b", "ä", String(repeating: "a", count: 129), ""] {
                let headers = server.asOperator + [("X-Owner-ID", wrong)]
                #expect(try await server.send(.POST, "/hatch/echo", headers, json: body).status == 400, "\(wrong)")
            }
        }
    }

    @Test("a member's key speaks for that member and for no other")
    func memberKey() async throws {
        try await TestServer.run { server async throws in
            let (id, key) = try await server.member("Ann")
            let headers = [("Authorization", "bearer \(key)")]
            let own = try await server.send(.POST, "/hatch/echo", headers, json: body)
            #expect(try own.json["owner"]?.string == id)
            let named = try await server.send(.POST, "/hatch/echo", headers + [("X-Owner-ID", id)], json: body)
            #expect(named.status == 201)
            let other = try await server.send(.POST, "/hatch/echo", headers + [("X-Owner-ID", "bob")], json: body)
            #expect(other.status == 403)
            #expect(try await server.get("/hatch/operator", headers).status == 403)
            #expect(try await server.get("/hatch/operator", server.asOperator).status == 200)
            #expect(try await server.get("/hatch/operator").status == 401)
        }
    }

    @Test("what is for a role is for that role, by its own key or the operator in its name")
    func roles() async throws {
        try await TestServer.run { server async throws in
            let (plain, admin) = (try await server.member("Queenbee"), try await server.member("Ada"))
            let queenbee = "bhv_" + Hex.encode(World.live.random(24))
            try await server.dependencies.database.write { tx in
                _ = try tx.changeRole(of: MemberID(admin.id), to: .admin, actor: "operator")
                _ = try tx.configureQueenbee(KeyText(queenbee))
            }
            func ask(_ path: String, _ key: String, as owner: String? = nil) async throws -> Answer {
                let headers = [("Authorization", "Bearer \(key)")] + (owner.map { [("X-Owner-ID", $0)] } ?? [])
                return try await server.get("/hatch/\(path)", headers)
            }
            let (bee, token) = (Member.queenbee.text, TestServer.operatorToken)
            for (path, key, owner, status) in [
                ("queenbee", queenbee, nil, 200), ("queenbee", plain.key, nil, 403), ("queenbee", admin.key, nil, 403),
                ("queenbee", token, nil, 400), ("queenbee", token, bee, 200), ("queenbee", token, plain.id, 403),
                ("queenbee", token, "alice", 404), ("queenbee", plain.key, bee, 403), ("queenbee", "none", bee, 401),
                ("admin", admin.key, nil, 200), ("admin", queenbee, nil, 403), ("admin", plain.key, nil, 403),
                ("admin", token, nil, 400), ("admin", token, admin.id, 200), ("admin", token, plain.id, 403),
                ("acting", token, "alice", 200), ("acting", token, nil, 400), ("acting", token, "a b", 400),
                ("acting", admin.key, "alice", 200), ("acting", admin.key, nil, 400), ("acting", plain.key, nil, 403),
                ("acting", plain.key, "alice", 403), ("acting", queenbee, "alice", 403), ("acting", "none", nil, 401),
                ("operator", admin.key, nil, 200), ("operator", queenbee, nil, 403),
            ] as [(String, String, String?, Int)] {
                let answer = try await ask(path, key, as: owner)
                #expect(answer.status == status, "\(path) \(owner ?? "-") \(answer.text)")
            }
            #expect(try await ask("queenbee", token, as: bee).json["actor"] == "operator")
            #expect(try await ask("operator", admin.key).json["actor"]?.string == admin.id)
        }
    }

    @Test("a machine's token opens that machine's paths only")
    func machines() async throws {
        try await TestServer.run { server async throws in
            let first = try await machine(server, token: "first-token")
            let second = try await machine(server, token: "second-token")
            func ask(_ id: MachineID, _ token: String) async throws -> Int {
                try await server.get("/hatch/workers/\(id.text)/me", [("X-Machine-Token", token)]).status
            }
            #expect(try await ask(first, "first-token") == 200)
            #expect(try await ask(first, "first-token") == 200)
            #expect(try await ask(second, "first-token") == 401)
            #expect(try await ask(first, "first-token") == 200)
            #expect(try await ask(second, "second-token") == 200)
            #expect(try await ask(first, "wrong") == 401)
            #expect(try await ask(MachineID("wrk_none"), "first-token") == 401)
            #expect(try await server.get("/hatch/workers/\(first.text)/me").status == 401)
        }
    }

    private func machine(_ server: TestServer, token: String) async throws -> MachineID {
        try await server.dependencies.database.write { tx in
            try tx.registerMachine(
                owner: OwnerID("alice"), actor: "alice", name: token, capacity: nil, hourlyPrice: 0,
                tokenHash: SHA256.hex(token)
            ).id
        }
    }

    @Test("the same key and body get the first answer again, another body is refused, another owner has its own")
    func idempotency() async throws {
        try await TestServer.run { server async throws in
            func post(_ owner: String, _ key: String?, _ body: String) async throws -> Answer {
                let headers =
                    server.asOperator + [("X-Owner-ID", owner)] + (key.map { [("Idempotency-Key", $0)] } ?? [])
                return try await server.send(.POST, "/hatch/once", headers, json: body)
            }
            let first = try await post("alice", "k", body)
            let again = try await post("alice", "k", body)
            #expect(first.status == 201)
            #expect(again.status == 201)
            #expect(again.text == first.text)
            #expect(again["Location"] == "/hatch/x")
            #expect(try await post("alice", "k", #"{"title":"b"}"#).status == 409)
            #expect(try await post("bob", "k", body).text != first.text)
            #expect(try await post("alice", nil, body).text != first.text)
            for wrong in ["", " ", "a b", "ä", String(repeating: "a", count: 256)] {
                #expect(try await post("alice", wrong, body).status == 400, "\(wrong.prefix(9))")
            }
        }
    }

    @Test("of many equal calls at once one has the effect")
    func idempotencyRace() async throws {
        try await TestServer.run { server async throws in
            let answers = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        try await server.send(
                            .POST, "/hatch/once", server.asAlice + [("Idempotency-Key", "k")], json: body
                        ).text
                    }
                }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(answers.count == 1)
        }
    }
}
