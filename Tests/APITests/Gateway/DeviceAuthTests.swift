import API
import Bytes
import Store
import Support
import Testing

@Suite("POST /api/v1/device/auth, and the session tokens it gives", .timeLimit(.minutes(2)))
struct DeviceAuthTests {
    /// What a heartbeat with these headers is answered.
    private func beat(_ lab: GatewayLab, _ headers: (String, String)..., query: String = "") async throws -> String {
        let body = JSON.object([.init("status", "online")]).bytes()
        return try await lab.plane.send("POST", "/device/heartbeat\(query)", headers, bytes: body).says
    }

    @Test("is 200 with a token for seven days", arguments: TestDatabase.all)
    func auth(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let reply = try lab.must(await lab.auth(device.id, device.secret))
            #expect(reply.keys == ["token", "expiresIn", "deviceId"])
            #expect(reply["expiresIn"] == 604_800 && reply["deviceId"] == "edge-1")
            let token = try #require(reply["token"]?.string)
            #expect(token.hasPrefix("dst_") && Hex.isHex(String(token.dropFirst(4)), lengths: 48...48))
            #expect(token != device.token && token == token.lowercased())
        }
    }

    @Test("a token is taken in X-Device-Token, in X-Device-Session and as a bearer", arguments: TestDatabase.all)
    func headers(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let token = device.token
            for header in [
                ("X-Device-Token", token), ("x-device-token", token), ("X-Device-Session", token),
                ("Authorization", "Bearer \(token)"), ("Authorization", "bearer \(token)"),
            ] {
                #expect(try await beat(lab, header) == "200", "\(header)")
            }
            for header in [
                ("X-Device-Token", ""), ("X-Device-Token", " "), ("X-Device-Token", token.uppercased()),
                ("X-Device-Token", String(token.dropLast())), ("X-Device-Token", token + "0"),
                ("X-Device-Token", device.secret), ("X-Device-Token", String(token.dropFirst(4))),
                ("X-Device-Token", "Bearer \(token)"), ("X-Machine-Token", token), ("X-Device-Id", device.id),
                ("Authorization", token), ("Authorization", "Basic \(token)"),
                ("Authorization", "Bearer \(device.secret)"), ("Authorization", "Bearer \(lab.token(of: .acme))"),
                ("Authorization", "Bearer \(ControlPlane.operatorToken)"), ("Cookie", "token=\(token)"),
            ] {
                #expect(try await beat(lab, header) == "401 UNAUTHORIZED", "\(header)")
            }
            #expect(try await beat(lab, query: "?token=\(token)") == "401 UNAUTHORIZED", "that is for sockets")
            let secrets = [("X-Device-Id", device.id), ("X-Device-Secret", device.secret)]
            let reply = try await lab.plane.send(
                "POST", "/device/heartbeat", secrets, bytes: Array(#"{"status":"online"}"#.utf8))
            #expect(reply.says == "401 UNAUTHORIZED", "that is for sockets")
        }
    }

    @Test("no call of a device is served without a token", arguments: TestDatabase.all)
    func without(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try await lab.command(for: device)
            let held = try await lab.held(by: device)
            let token: JSON = ["claimToken": .string(held.token)]
            let unknown = EnrolledDevice(
                id: device.id, customer: .acme, secret: "", token: "dst_" + String(repeating: "0", count: 48))
            let calls: [(String, JSON)] = [
                ("/heartbeat", ["status": "online"]), ("/commands/claim", [:]),
                ("/commands/\(held.id)/extend", token.with(["extensionMs": 60_000])),
                ("/commands/\(held.id)/result", token.with(GatewayLab.success)),
            ]
            for (path, body) in calls {
                for caller in [nil, unknown] {
                    let reply = try await lab.call(by: caller, path, body)
                    #expect(reply.says == "401 UNAUTHORIZED" && reply["WWW-Authenticate"] != nil, "\(path)")
                }
            }
            #expect(try await lab.status(held.id, of: device) == "claimed")
        }
    }

    @Test("is 401 for a wrong secret as for a device that isn't there, word for word", arguments: TestDatabase.all)
    func wrong(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let code = try await lab.code(for: "waiting")
            var texts: Set<String> = []
            for (id, secret) in [
                (one.id, two.secret), (one.id, String(one.secret.dropLast())), (one.id, one.secret.uppercased()),
                (one.id, one.token), ("nobody", one.secret), ("EDGE-1", one.secret), ("waiting", code),
                ("waiting", ""),
            ] {
                let reply = try await lab.auth(id, secret)
                // An empty secret may be told to be none.
                guard !secret.isEmpty || reply.status != 400 else { continue }
                #expect(reply.says == "401 UNAUTHORIZED", "\(id): \(reply.text)")
                texts.insert(reply.text)
            }
            #expect(texts.count == 1, "\(texts)")
            try lab.must(await lab.auth(one.id, one.secret))
        }
    }

    @Test("is 403 for a suspended device, to who knows its secret", arguments: TestDatabase.all)
    func suspended(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            #expect(try await lab.auth(device.id, device.secret).says == "403 FORBIDDEN")
            let wrong = String(repeating: "0", count: 64)
            #expect(try await lab.auth(device.id, wrong).says == "401 UNAUTHORIZED")
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/resume"))
            try lab.must(await lab.auth(device.id, device.secret))
        }
    }

    @Test(
        "is 429 after five that failed in a minute, from that address and for that device", arguments: TestDatabase.all)
    func bruteForce(on database: TestDatabase) async throws {
        try await GatewayLab.run(database, .set(\.trustProxyHeaders, true)) { lab in
            let (one, two) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let (mine, theirs) = (("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-For", "192.0.2.2"))
            // What succeeds isn't counted.
            for _ in 0..<10 { try lab.must(await lab.auth(one.id, one.secret, mine)) }
            for number in 0..<5 {
                #expect(try await lab.auth(one.id, "wrong \(number)", mine).says == "401 UNAUTHORIZED", "\(number)")
            }
            for secret in [one.secret, "wrong"] {
                let over = try await lab.auth(one.id, secret, mine)
                #expect(over.says == "429 RATE_LIMITED", "\(over.text)")
                #expect((1...60).contains(over["Retry-After"].flatMap { Int($0) } ?? 0))
            }
            try lab.must(await lab.auth(two.id, two.secret, mine))
            try lab.must(await lab.auth(one.id, one.secret, theirs))
            // The sign of life of a device that has a token is not in the way of anybody's guessing.
            try lab.must(await lab.beat(two))
            try await lab.pass(.seconds(61))
            try lab.must(await lab.auth(one.id, one.secret, mine))
        }
    }

    @Test("a device has its last five tokens", arguments: TestDatabase.all)
    func five(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, neighbour) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            var tokens = [device.token]
            for _ in 0..<7 {
                try await lab.skip(.seconds(3))
                tokens.append(try await lab.signIn(device.id, device.secret))
            }
            try await lab.skip(.seconds(3))
            var answers: [String] = []
            for token in tokens { answers.append(try await beat(lab, ("X-Device-Token", token))) }
            #expect(answers == Array(repeating: "401 UNAUTHORIZED", count: 3) + Array(repeating: "200", count: 5))
            try lab.must(await lab.beat(neighbour))
        }
    }

    @Test("a token that isn't used ends after seven days", arguments: TestDatabase.all)
    func sevenDays(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            try await lab.pass(.seconds(604_740))
            try lab.must(await lab.beat(one))
            try await lab.pass(.seconds(120))
            #expect(try await lab.beat(two).says == "401 UNAUTHORIZED")
            let fresh = try await lab.signIn(two.id, two.secret)
            #expect(try await beat(lab, ("X-Device-Token", fresh)) == "200")
        }
    }

    @Test("use prolongs a token for as long as it goes on", arguments: TestDatabase.all)
    func prolonged(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            func end() async throws -> Int64? {
                try await lab.database.read { tx in
                    try tx.first("SELECT MAX(expires_at) FROM device_tokens") { try $0.integer() }
                }
            }
            for day in 0..<4 {
                try await lab.pass(.seconds(6 * 86_400))
                try lab.must(await lab.beat(device))
                // It may be written a moment later.
                try await eventually("it is prolonged, \(day)") { (try await end() ?? 0) > lab.now + 604_000_000 }
            }
            try await lab.pass(.seconds(604_860))
            #expect(try await lab.beat(device).says == "401 UNAUTHORIZED")
        }
    }

    @Test("refuses fields that are wrong, by their names", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let good: JSON = ["deviceId": "edge-1", "deviceSecret": .string(device.secret)]
            let cases: [(JSON, String, String)] = [
                (good.without("deviceId"), "MISSING_FIELD", "deviceId"),
                (good.without("deviceSecret"), "MISSING_FIELD", "deviceSecret"),
                (good.with(["deviceId": .null]), "MISSING_FIELD", "deviceId"),
                (good.with(["deviceSecret": 1]), "INVALID_FIELD", "deviceSecret"),
                (good.with(["surprise": true]), "UNKNOWN_FIELD", "surprise"),
            ]
            for (body, says, field) in cases {
                let reply = try await lab.call(by: nil, "/auth", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(body.text()): \(reply.text)")
                #expect(!reply.text.contains(device.secret))
            }
            for text in ["", "[]", "null", "{\"deviceSecret\":\"\(device.secret)\""] {
                let reply = try await lab.plane.send("POST", "/device/auth", bytes: Array(text.utf8))
                #expect(reply.status == 400 && !reply.text.contains(device.secret), "\(reply.text)")
            }
            try lab.must(await lab.auth(device.id, device.secret))
        }
    }
}
