import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("Agents", .timeLimit(.minutes(2)))
struct ControlPlaneAgentTests {
    @Test("an agent registers itself, and its key works at once and is kept as a hash", arguments: TestDatabase.all)
    func register(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let reply = try await plane.post(
                "/agents/register", .nobody,
                [
                    "name": "Bee 7", "handle": " Bee_7 ", "description": "Counts words.", "moltbook_id": "m-1",
                    "wallet_address": "0xabc",
                ])
            #expect(reply.status == 201, "\(reply.text)")
            let agent = try #require(reply.data["agent"])
            #expect(agent["handle"] == "bee_7" && agent["role"] == "member" && agent["moltbook_id"] == "m-1")
            let key = try #require(reply.data["api_key"]?.string)
            #expect(key.wholeMatch(of: #/hf_[0-9a-f]{48}/#) != nil)
            let id = try #require(agent["id"]?.string)
            let bee = Caller(owner: id, key: key)
            let me = try await plane.get("/agents/me", bee)
            #expect(me.data["agent"] == agent && !me.text.contains(key))
            let hashes = try await plane.dependencies.database.read { tx in
                try tx.rows("SELECT hash, prefix FROM api_keys WHERE member_id = \(id)") { row in
                    try [row.text(), row.text()]
                }
            }
            #expect(hashes == [[SHA256.hex(key), String(key.prefix(7))]])

            #expect(try await plane.get("/agents/me", .operator(for: id)).data["agent"] == agent)
            #expect(try await plane.get("/agents/me", .alice).status == 404)
            #expect(try await plane.get("/agents/me", .nobody).status == 401)
            let events = try await plane.get("/audit/events", bee).data["events"]?.array
            #expect(events?.compactMap { $0["type"]?.string } == ["agent_registered"])
        }
    }

    @Test("a handle is one's own, well formed and not reserved", arguments: TestDatabase.all)
    func handles(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            func register(_ handle: JSON) async throws -> String {
                try await plane.post("/agents/register", .nobody, ["name": "n", "handle": handle]).outcome
            }
            for handle in ["abc", .string(String(repeating: "z", count: 30)), "a-b_9", .null, .null] as [JSON] {
                #expect(try await register(handle) == "201")
            }
            for handle in ["abc", "ABC", "  abc\t"] as [JSON] { #expect(try await register(handle) == "409 taken") }
            for handle in [
                "ab", .string(String(repeating: "z", count: 31)), "a b", "a.b", "queenbee", " QueenBee", "admin",
                "system", "operator", "null", "", "ab\u{212A}", "äbc", 7, [],
            ] as [JSON] {
                #expect(try await register(handle) == "400 invalid_field", "\(handle)")
            }
            let outcomes = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<8 { group.addTask { try await register("racer") } }
                return try await group.reduce(into: [:]) { $0[$1, default: 0] += 1 }
            }
            #expect(outcomes == ["201": 1, "409 taken": 7])
        }
    }

    @Test("an agent changes what it says of itself, field by field", arguments: TestDatabase.all)
    func update(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let bee = try await plane.agent("Bee")
            func put(_ body: JSON) async throws -> PlaneReply {
                try await plane.send("PUT", "/agents/me", bee.headers, bytes: body.bytes())
            }
            var agent = try await put(["description": "", "wallet_address": "0x1", "name": "B"]).data["agent"]
            #expect(agent?["name"] == "B" && agent?["description"] == "" && agent?["wallet_address"] == "0x1")
            agent = try await put(["wallet_address": .null]).data["agent"]
            #expect(agent?["name"] == "B" && agent?["wallet_address"] == .null)
            #expect(try await put([:]).data["agent"] == agent)
            #expect(try await plane.get("/agents/me", bee).data["agent"] == agent)
            for body in [
                ["handle": "other"], ["role": "admin"], ["name": ""], ["id": "x"],
                ["description": .string(String(repeating: "d", count: 1_025))], ["moltbook_id": 7],
            ] as [JSON] {
                #expect(try await put(body).status == 400, "\(body)")
            }
            let missing = try await plane.send("PUT", "/agents/me", Caller.alice.headers, bytes: Array("{}".utf8))
            #expect(missing.outcome == "404 not_found")
        }
    }

    @Test("registration is charged to the address")
    func metering() async throws {
        let rate = Rate(burst: 20, perSecond: 1)
        try await ControlPlane.run(.sqlite, .set(\.addressRate, rate), world: .still) { plane in
            var outcomes: [String: Int] = [:]
            for _ in 0..<40 {
                let reply = try await plane.post("/agents/register", .nobody, ["name": "n"])
                outcomes[reply.outcome, default: 0] += 1
            }
            #expect(outcomes == ["201": 20, "429 rate_limited": 20])
        }
    }
}
