import API
import Bytes
import Store
import Support
import Testing

@Suite("Machines", .timeLimit(.minutes(2)))
struct ControlPlaneMachineTests {
    @Test("a machine is registered, and its token is shown once and kept as a hash", arguments: TestDatabase.all)
    func register(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let before = plane.clock.now
            let reply = try await plane.post(
                "/machines/register", .alice,
                [
                    "owner_id": "alice", "name": "Büro 1", "price_usdt_per_hour": "0.100000",
                    "capacity": [
                        "cpu_cores": 7.5, "memory_gb": 15.5, "gpu": 2, "labels": ["gpu:a100", "eu west"],
                        "isolation": "vm",
                    ],
                ])
            #expect(reply.status == 201)
            let machine = try #require(reply.data["machine"])
            let id = try #require(machine["id"]?.string)
            #expect(id.wholeMatch(of: #/wrk_[0-9a-f]{16}/#) != nil)
            #expect(reply["Location"] == "/api/v1/machines/\(id)")
            #expect(machine["owner_id"] == "alice" && machine["name"] == "Büro 1")
            let created = try #require(machine["created_at"]?.string.flatMap(RFC3339.parse))
            #expect(abs(created - before) < 60_000)
            #expect(machine["price_usdt_per_hour"] == "0.1")
            #expect(
                machine["capacity"] == [
                    "cpu_cores": .number("7.5"), "memory_gb": .number("15.5"), "gpu": 2,
                    "labels": ["gpu:a100", "eu west"], "isolation": "vm",
                ])
            let token = try #require(reply.data["machine_token"]?.string)
            #expect(token.wholeMatch(of: #/[0-9a-f]{48}/#) != nil)
            let shown = try await plane.get("/machines/\(id)", .alice)
            #expect(shown.status == 200 && !shown.text.contains(token))
            let kept = try await plane.dependencies.database.read { tx in
                try tx.first("SELECT token_hash FROM machines WHERE id = \(id)") { try $0.text() }
            }
            #expect(kept == SHA256.hex(token))
        }
    }

    @Test("a price is exact to the sixth place, as a number or a string, and nothing else")
    func price() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            func price(_ token: String) async throws -> String {
                let reply = try await plane.post(
                    "/machines/register", .alice,
                    text: #"{"owner_id":"alice","name":"m","price_usdt_per_hour":\#(token)}"#)
                return reply.data["machine"]?["price_usdt_per_hour"]?.string ?? reply.outcome
            }
            for (token, expected) in [
                ("0.1", "0.1"), (#""0.3""#, "0.3"), ("0.000001", "0.000001"), ("1000000", "1000000"), ("7", "7"),
                ("12.340000", "12.34"), ("999999.999999", "999999.999999"), ("0", "0"),
            ] {
                let shown = try await price(token)
                #expect(shown == expected, "\(token)")
            }
            for token in [
                "-1", "0.0000001", "1e1", "1000000.000001", "true", "[]", #""""#, #"" 1""#, #""1.""#, #"".5""#,
                #""+1""#,
                #""٣""#, "99999999999999999999",
            ] {
                #expect(try await price(token) == "400 invalid_field", "\(token)")
            }
        }
    }

    @Test("what is wrong with a registration is 400 and names the field; another's name is 403")
    func wrong() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            for (body, outcome, field) in [
                (#"{"name":"m"}"#, "400 missing_field", "owner_id"),
                (#"{"owner_id":"alice"}"#, "400 missing_field", "name"),
                (#"{"owner_id":"alice","name":""}"#, "400 invalid_field", "name"),
                (#"{"owner_id":"alice","name":" \t"}"#, "400 invalid_field", "name"),
                (#"{"owner_id":"alice","name":7}"#, "400 invalid_field", "name"),
                (#"{"owner_id":"alice","name":"m","x":1}"#, "400 unknown_field", "x"),
                (#"{"owner_id":"alice","name":"m","capacity":[]}"#, "400 invalid_field", "capacity"),
                (#"{"owner_id":"alice","name":"m","capacity":{"ram":1}}"#, "400 unknown_field", "capacity.ram"),
                (
                    #"{"owner_id":"alice","name":"m","capacity":{"cpu_cores":-1}}"#, "400 invalid_field",
                    "capacity.cpu_cores"
                ),
                (#"{"owner_id":"alice","name":"m","capacity":{"gpu":1.5}}"#, "400 invalid_field", "capacity.gpu"),
                (
                    #"{"owner_id":"alice","name":"m","capacity":{"labels":["a\nb"]}}"#, "400 invalid_field",
                    "capacity.labels"
                ),
                (
                    #"{"owner_id":"alice","name":"m","capacity":{"isolation":"tank"}}"#, "400 invalid_field",
                    "capacity.isolation"
                ),
                (#"{"owner_id":"bob","name":"m"}"#, "403 forbidden", nil),
                // A field that is wrong is told before whose it is.
                (#"{"owner_id":"bob","name":""}"#, "400 invalid_field", "name"),
            ] as [(String, String, String?)] {
                let reply = try await plane.post("/machines/register", .alice, text: body)
                #expect(reply.outcome == outcome, "\(body)")
                #expect(reply.json["field"]?.string == field, "\(body)")
            }
            for length in [128, 129] {
                let name = String(repeating: "é", count: length)
                let reply = try await plane.post(
                    "/machines/register", .alice, ["owner_id": "alice", "name": .string(name)])
                #expect(reply.status == (length == 128 ? 201 : 400))
            }
            #expect(try await plane.get("/machines", .alice).data["machines"]?.array?.count == 1)
        }
    }

    @Test("an owner lists its machines page by page, and sees what they last said", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            var ids: Set<String> = []
            for number in 0..<5 { ids.insert(try await plane.machine(of: .alice, "m\(number)").id) }
            _ = try await plane.machine(of: .bob)
            var seen: [String] = []
            var cursor: String?
            repeat {
                let path = "/machines?limit=2" + (cursor.map { "&cursor=\($0)" } ?? "")
                let page = try await plane.get(path, .alice).data
                seen += page["machines"]?.array?.compactMap { $0["id"]?.string } ?? []
                cursor = page["next_cursor"]?.string
            } while cursor != nil
            #expect(seen.count == 5 && Set(seen) == ids)
            #expect(try await plane.get("/machines?limit=5", .alice).data["next_cursor"] == .null)

            let worker = try await plane.worker()
            #expect(try await plane.get("/machines/\(worker.id)", .alice).data["machine"]?["metrics"] == .null)
            var beat = plane.beat(worker)
            beat.metrics = ["cpu": .number("1.50"), "名": [.null, true]]
            #expect(try await plane.send(beat).status == 200)
            let machine = try await plane.get("/machines/\(worker.id)", .alice).data["machine"]
            #expect(machine?["metrics"] == ["cpu": .number("1.50"), "名": [.null, true]])
            let last = try #require(machine?["last_heartbeat_at"]?.string.flatMap(RFC3339.parse))
            #expect(abs(last - plane.clock.now) < 60_000)
        }
    }
}
