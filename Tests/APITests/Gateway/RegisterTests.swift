import API
import Bytes
import Support
import Testing

@Suite("POST /api/v1/device/register", .timeLimit(.minutes(2)))
struct RegisterTests {
    @Test("is 201 with the device and its secret, which is shown once", arguments: TestDatabase.all)
    func register(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let code = try await lab.code(for: "edge-1")
            let metadata: JSON = ["metadata": ["location": "Oslo", "model": "M-2"]]
            let reply = try lab.must(await lab.register("edge-1", code, metadata), 201)
            #expect(reply.keys == ["success", "device"] && reply["success"] == true)
            let device = try #require(reply["device"])
            #expect(device.keys == ["id", "status", "customerId", "registeredAt", "secret"])
            #expect(device["id"] == "edge-1" && device["customerId"] == "acme" && device["status"] == "active")
            #expect(lab.isDue(device["registeredAt"], in: 0))
            let secret = try #require(device["secret"]?.string)
            #expect(Hex.isHex(secret, lengths: 64...64) && secret == secret.lowercased())
            try lab.must(await lab.auth("edge-1", secret))
            let list = try await lab.call(as: .acme, "GET", "/devices")
            let state = try await lab.call(as: .acme, "GET", "/devices/edge-1/status")
            #expect(list.json["devices"]?.array?.first?["location"] == "Oslo")
            #expect(!(list.text + state.text).contains(secret) && !(list.text + state.text).contains(code))
            #expect(try await lab.enroll("edge-2").secret != secret)
        }
    }

    @Test("keeps the place that the customer gave", arguments: TestDatabase.all)
    func location(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let made = try lab.must(await lab.provision("edge-1", ["location": "Oslo"]), 201)
            let code = try #require(made["device"]?["activationCode"]?.string)
            try lab.must(await lab.register("edge-1", code, ["metadata": ["location": "Rome"]]), 201)
            let shown = try lab.must(await lab.call(as: .acme, "GET", "/devices"))["devices"]?.array ?? []
            #expect(shown.first?["location"] == "Oslo")
        }
    }

    @Test("takes a code once: 409 when the device is registered, with whatever code", arguments: TestDatabase.all)
    func once(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let code = try await lab.code(for: "edge-1")
            let first = try lab.must(await lab.register("edge-1", code), 201)
            let secret = try #require(first["device"]?["secret"]?.string)
            for other in [code, String(repeating: "0", count: 32)] {
                let again = try await lab.register("edge-1", other)
                #expect(again.says == "409 WRONG_STATE", "\(again.text)")
                #expect(!again.text.contains(secret) && again.json["device"] == nil)
            }
            try lab.must(await lab.auth("edge-1", secret))
        }
    }

    @Test("is 404 for a device that nobody provisioned", arguments: TestDatabase.all)
    func unknown(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let code = try await lab.code(for: "edge-1")
            #expect(try await lab.register("edge-2", code).says == "404 NOT_FOUND")
            #expect(try await lab.register("EDGE-1", code).says == "404 NOT_FOUND")
            try lab.must(await lab.register("edge-1", code), 201)
        }
    }

    @Test(
        "is 401 for a wrong code, and for the code of another device; neither is used up", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.code(for: "edge-1"), try await lab.code(for: "edge-2"))
            let altered = "\(one.hasPrefix("0") ? 1 : 0)\(one.dropFirst())"
            for code in [two, altered, String(one.dropLast()), one + "0"] {
                let reply = try await lab.register("edge-1", code)
                #expect(reply.says == "401 UNAUTHORIZED", "\(reply.text)")
            }
            #expect(try await lab.register("edge-2", one).says == "401 UNAUTHORIZED")
            #expect(try await lab.devices(of: .acme) == "2 of 2: edge-1 provisioned, edge-2 provisioned")
            try lab.must(await lab.register("edge-1", one), 201)
            try lab.must(await lab.register("edge-2", two), 201)
        }
    }

    @Test("takes a code for 24 hours", arguments: TestDatabase.all)
    func expiry(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.code(for: "edge-1"), try await lab.code(for: "edge-2"))
            try await lab.pass(.seconds(86_340))
            try lab.must(await lab.register("edge-1", one), 201)
            try await lab.pass(.seconds(60))
            #expect(try await lab.register("edge-2", two).says == "401 UNAUTHORIZED")
            try lab.must(await lab.register("edge-2", lab.code(for: "edge-2")), 201)
        }
    }

    @Test("of two devices at once with one code has one winner", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for round in 0..<10 {
                let id = "edge-\(round)"
                let code = try await lab.code(for: id)
                let replies = try await atOnce(4) { _ in try await lab.register(id, code) }
                #expect(replies.map(\.status).sorted() == [201, 409, 409, 409], "\(replies.map(\.text))")
                let secrets = replies.compactMap { $0.json["device"]?["secret"]?.string }
                let secret = try #require(secrets.first)
                #expect(secrets.count == 1)
                try lab.must(await lab.auth(id, secret))
            }
            #expect(try await lab.devices(of: .acme).hasPrefix("10 of 10"))
        }
    }

    @Test("is 429 after five codes that were wrong, from that address and for that device", arguments: TestDatabase.all)
    func bruteForce(on database: TestDatabase) async throws {
        try await GatewayLab.run(database, .set(\.trustProxyHeaders, true)) { lab in
            let (one, two) = (try await lab.code(for: "edge-1"), try await lab.code(for: "edge-2"))
            let (mine, theirs) = (("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2"))
            for number in 0..<5 {
                let reply = try await lab.register("edge-1", String(repeating: "\(number)", count: 32), [:], mine)
                #expect(reply.says == "401 UNAUTHORIZED", "\(number): \(reply.text)")
            }
            for code in [one, String(repeating: "f", count: 32)] {
                let over = try await lab.register("edge-1", code, [:], mine)
                #expect(over.says == "429 RATE_LIMITED", "\(over.text)")
                #expect((1...60).contains(over["Retry-After"].flatMap { Int($0) } ?? 0))
            }
            #expect(try await lab.auth("edge-1", "x", mine).says == "429 RATE_LIMITED", "both count together")
            try lab.must(await lab.register("edge-2", two, [:], mine), 201)
            #expect(try await lab.register("edge-1", two, [:], theirs).says == "401 UNAUTHORIZED")
            try await lab.pass(.seconds(61))
            try lab.must(await lab.register("edge-1", one, [:], mine), 201)
        }
    }

    @Test("refuses fields that are wrong, by their names, and the code is good still", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let code = try await lab.code(for: "edge-1")
            let good: JSON = ["deviceId": "edge-1", "activationCode": .string(code)]
            let cases: [(JSON, String, String)] = [
                (good.without("deviceId"), "MISSING_FIELD", "deviceId"),
                (good.without("activationCode"), "MISSING_FIELD", "activationCode"),
                (good.with(["deviceId": 7]), "INVALID_FIELD", "deviceId"),
                (good.with(["activationCode": .null]), "MISSING_FIELD", "activationCode"),
                (good.with(["activationCode": ["x"]]), "INVALID_FIELD", "activationCode"),
                (good.with(["metadata": 1]), "INVALID_FIELD", "metadata"),
                (good.with(["metadata": ["location": 1]]), "INVALID_FIELD", "metadata.location"),
                (good.with(["metadata": ["model": []]]), "INVALID_FIELD", "metadata.model"),
                (good.with(["surprise": 1]), "UNKNOWN_FIELD", "surprise"),
            ]
            for (body, says, field) in cases {
                let reply = try await lab.call(by: nil, "/register", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(body.text()): \(reply.text)")
                #expect(!reply.text.contains(code))
            }
            for text in ["", "[]", "null", #"{"deviceId":"edge-1""#] {
                let reply = try await lab.plane.send("POST", "/device/register", bytes: Array(text.utf8))
                #expect(reply.status == 400, "\(text): \(reply.text)")
            }
            try lab.must(await lab.register("edge-1", code), 201)
        }
    }
}
