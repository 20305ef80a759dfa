import Bytes
import Store
import Support
import Testing

@Suite("POST /api/v1/customer/devices/provision", .timeLimit(.minutes(2)))
struct ProvisionTests {
    @Test("is 201 with a code of 32 hex digits that is good for a day", arguments: TestDatabase.all)
    func provision(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let reply = try lab.must(await lab.provision("edge-1", ["name": "Gate", "location": "Oslo"]), 201)
            #expect(reply.keys == ["device", "instructions"])
            let device = try #require(reply["device"])
            #expect(device.keys == ["id", "activationCode", "expiresAt"] && device["id"] == "edge-1")
            let code = try #require(device["activationCode"]?.string)
            #expect(Hex.isHex(code, lengths: 32...32) && code == code.lowercased())
            #expect(lab.isDue(device["expiresAt"], in: 86_400_000))
            #expect(reply["instructions"]?.string?.isEmpty == false)
            let other = try await lab.code(for: "edge-2")
            #expect(other != code)
            let shown = try lab.must(await lab.call(as: .acme, "GET", "/devices"))["devices"]?.array ?? []
            #expect(shown.map { $0["name"] } == ["Gate", "edge-2"], "without a name it is called by its id")
            #expect(shown.first?["location"] == "Oslo" && shown.first?["lastSeen"] == .null)
            #expect(try await lab.devices(of: .acme) == "2 of 2: edge-1 provisioned, edge-2 provisioned")
        }
    }

    @Test("is 409 for an id that exists, whoever has it, and says nothing of whose it is", arguments: TestDatabase.all)
    func taken(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let code = try await lab.code(for: "waiting")
            let device = try await lab.enroll("working")
            for id in ["waiting", "working"] {
                let reply = try await lab.provision(id, of: .globex, ["name": "mine"])
                #expect(reply.says == "409 TAKEN" && reply.culprit == "deviceId", "\(reply.text)")
                #expect(!reply.text.contains("acme") && reply["Retry-After"] == nil)
            }
            let own = try await lab.provision("working")
            #expect(own.says == "409 TAKEN" && own.culprit == "deviceId")
            #expect(try await lab.devices(of: .globex) == "0 of 0: ")
            try lab.must(await lab.beat(device))
            try lab.must(await lab.register("waiting", code), 201)
        }
    }

    @Test(
        "of one's own device that never registered gives a new code, and the old one ends", arguments: TestDatabase.all)
    func again(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let first = try await lab.code(for: "edge-1")
            try await lab.pass(.seconds(80_000))
            let reply = try lab.must(await lab.provision("edge-1", ["name": "Renamed"]), 201)
            let second = try #require(reply["device"]?["activationCode"]?.string)
            #expect(second != first && lab.isDue(reply["device"]?["expiresAt"], in: 86_400_000))
            #expect(try await lab.devices(of: .acme) == "1 of 1: edge-1 provisioned")
            #expect(try await lab.register("edge-1", first).says == "401 UNAUTHORIZED")
            // The time of the first one is over, that of the second isn't.
            try await lab.pass(.seconds(80_000))
            try lab.must(await lab.register("edge-1", second), 201)
            let shown = try lab.must(await lab.call(as: .acme, "GET", "/devices"))["devices"]?.array ?? []
            #expect(shown.map { $0["name"] } == ["Renamed"])
        }
    }

    @Test("at the same moment by two customers is one's, and each device is counted once", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for round in 0..<5 {
                let replies = try await atOnce(8) { number in
                    try await lab.provision("edge-\(round)", of: number % 2 == 0 ? .acme : .globex)
                }
                let statuses = replies.map(\.status)
                let (acme, globex) = (
                    Set([0, 2, 4, 6].map { statuses[$0] }), Set([1, 3, 5, 7].map { statuses[$0] })
                )
                #expect([acme, globex].contains([409]) && [acme, globex].contains([201]), "\(statuses)")
            }
            var total: Int64 = 0
            for customer in [Customer.acme, .globex] {
                total += try lab.must(await lab.call(as: customer, "GET", "/devices"))["total"]?.int ?? -1
            }
            #expect(total == 5)
        }
    }

    @Test("refuses fields that are wrong, by their names, and has no effect", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let long = String(repeating: "a", count: 129)
            let cases: [(JSON, String, String)] = [
                ([:], "MISSING_FIELD", "deviceId"), (["deviceId": ""], "INVALID_FIELD", "deviceId"),
                (["deviceId": .string(long)], "INVALID_FIELD", "deviceId"),
                (["deviceId": "a b"], "INVALID_FIELD", "deviceId"), (["deviceId": "a@b"], "INVALID_FIELD", "deviceId"),
                (["deviceId": "é"], "INVALID_FIELD", "deviceId"), (["deviceId": "a/b"], "INVALID_FIELD", "deviceId"),
                (["deviceId": 1], "INVALID_FIELD", "deviceId"), (["deviceId": .null], "MISSING_FIELD", "deviceId"),
                (["deviceId": "a", "name": 1], "INVALID_FIELD", "name"),
                (["deviceId": "a", "name": "  "], "INVALID_FIELD", "name"),
                (["deviceId": "a", "location": []], "INVALID_FIELD", "location"),
                (["deviceId": "a", "surprise": 1], "UNKNOWN_FIELD", "surprise"),
            ]
            for (body, code, field) in cases {
                let reply = try await lab.call(as: .acme, "POST", "/devices/provision", body)
                #expect(reply.says == "400 \(code)" && reply.culprit == field, "\(body.text()): \(reply.text)")
            }
            for text in ["", "x", "[]", "null", #"{"deviceId":"a","deviceId":"b"}"#, #"{"deviceId":"a"} {}"#] {
                let headers = lab.headers(of: .acme)
                let reply = try await lab.plane.send(
                    "POST", "/customer/devices/provision", headers, bytes: Array(text.utf8))
                #expect(reply.status == 400, "\(text): \(reply.text)")
            }
            #expect(try await lab.devices(of: .acme) == "0 of 0: ")
            for id in ["a", "A-z_.:9", String(repeating: "b", count: 128)] {
                try lab.must(await lab.provision(id), 201)
            }
        }
    }

    @Test("stops at 100,000 devices of a customer, and leaves nothing of the one too many", arguments: TestDatabase.all)
    func limit(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            try lab.must(await lab.provision("edge-1"), 201)
            try await lab.database.write { try $0.execute("UPDATE customers SET devices = 99999") }
            try lab.must(await lab.provision("edge-2"), 201)
            let over = try await lab.provision("edge-3")
            #expect(over.says == "409 WRONG_STATE", "\(over.text)")
            #expect(try await lab.call(as: .acme, "GET", "/devices/edge-3/status").says == "404 NOT_FOUND")
            try lab.must(await lab.provision("edge-1"), 201)
            try lab.must(await lab.provision("edge-3", of: .globex), 201)
        }
    }

    @Test("is 401 without a customer's token, and 403 for a role that is none", arguments: TestDatabase.all)
    func callers(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let body = JSON.object([.init("deviceId", "edge-1")]).bytes()
            let anon = lab.token(of: .acme) { $0.set("role", "anon") }
            for (headers, says) in [
                ([], "401 UNAUTHORIZED"), ([("Authorization", "Bearer \(anon)")], "403 FORBIDDEN"),
                ([("Authorization", "Bearer \(ControlPlane.operatorToken)")], "401 UNAUTHORIZED"),
            ] as [([(String, String)], String)] {
                let reply = try await lab.plane.send("POST", "/customer/devices/provision", headers, bytes: body)
                #expect(reply.says == says, "\(headers)")
                #expect((reply["WWW-Authenticate"] == "Bearer") == (reply.status == 401))
            }
            #expect(try await lab.devices(of: .acme) == "0 of 0: ")
        }
    }
}
