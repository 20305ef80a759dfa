import API
import Bytes
import Store
import Support
import Testing

@Suite("POST /api/v1/device/heartbeat", .timeLimit(.minutes(2)))
struct HeartbeatTests {
    @Test("is 200 with when to come again and what waits, whatever the status", arguments: TestDatabase.all)
    func statuses(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for (sent, shown) in [
                ("online", "online"), ("busy", "busy"), ("error", "error"), ("healthy", "online"),
                ("degraded", "error"), ("online", "online"), ("offline", "error"),
            ] {
                let reply = try await lab.beat(device, ["status": .string(sent)])
                #expect(
                    reply.json == ["success": true, "nextHeartbeat": 30_000, "pendingCommands": 0], "\(reply.text)")
                #expect(try await lab.state(of: device)["status"]?.string == shown, "\(sent)")
                #expect(try await lab.devices(of: .acme, "?status=online") == "1 of 1: edge-1 \(shown)", "\(sent)")
            }
        }
    }

    @Test("its metrics and diagnostics are shown as they came", arguments: TestDatabase.all)
    func shown(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let before = try await lab.state(of: device)
            #expect(before["lastHeartbeat"] == .null && before["status"] == "offline")
            for (metrics, diagnostics) in [
                (["cpu": 0.70, "memory": 55, "uptime": 1e3], ["disk": ["/": 0.5], "note": "grüße 🐣", "n": .null]),
                (["cpu": 0, "memory": 0, "uptime": 0], ["a", 1, [[]]]),
                (["cpu": 100, "memory": 1, "uptime": 9], "text"),
                (["cpu": 1, "memory": 1, "uptime": 9], 17), (["cpu": 1, "memory": 1, "uptime": 9], false),
            ] as [(JSON, JSON)] {
                let body: JSON = [
                    "timestamp": .string(RFC3339.format(lab.now)), "status": "online", "metrics": metrics,
                    "diagnostics": diagnostics,
                ]
                try lab.must(await lab.beat(device, body))
                let state = try await lab.state(of: device)
                #expect(state["metrics"] == metrics && state["diagnostics"] == diagnostics, "\(state.text())")
                #expect(lab.isDue(state["lastHeartbeat"], in: 0))
            }
            try lab.must(await lab.beat(device))
            #expect(try await lab.state(of: device)["diagnostics"] == false, "what isn't said is as it was")
        }
    }

    @Test("takes any instant, or none", arguments: TestDatabase.all)
    func timestamps(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for text in ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.123456+05:30", RFC3339.format(lab.now)] {
                try lab.must(await lab.beat(device, ["status": "online", "timestamp": .string(text)]))
            }
            let state = try await lab.state(of: device)
            #expect(lab.isDue(state["lastHeartbeat"], in: 0), "it was heard when it came, not when it says")
            for text in ["yesterday", "", "2026-02-30T00:00:00Z", "1767225600"] {
                let reply = try await lab.beat(device, ["status": "online", "timestamp": .string(text)])
                #expect(reply.says == "400 INVALID_FIELD" && reply.culprit == "timestamp", "\(text)")
            }
        }
    }

    @Test("after 90 s of silence a device is offline, and online with the next one", arguments: TestDatabase.all)
    func silence(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (one, two) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            #expect(try await lab.devices(of: .acme, "?status=online") == "0 of 0: ")
            try lab.must(await lab.beat(one, ["status": "busy"]))
            try lab.must(await lab.beat(two))
            let heard = try await lab.state(of: one)["lastHeartbeat"]
            try await lab.pass(.seconds(60))
            try lab.must(await lab.beat(two))
            try await lab.pass(.seconds(20))
            #expect(try await lab.devices(of: .acme, "?status=online") == "2 of 2: edge-1 busy, edge-2 online")
            try await lab.pass(.seconds(15))
            #expect(try await lab.devices(of: .acme, "?status=online") == "1 of 1: edge-2 online")
            #expect(try await lab.devices(of: .acme, "?status=offline") == "1 of 1: edge-1 offline")
            let state = try await lab.state(of: one)
            #expect(state["status"] == "offline" && state["lastHeartbeat"] == heard)
            try lab.must(await lab.beat(one))
            #expect(try await lab.devices(of: .acme) == "2 of 2: edge-1 online, edge-2 online")
            #expect(try await lab.devices(of: .acme, "?status=offline") == "0 of 0: ")
        }
    }

    @Test("of many devices at the same moment, each is answered and shown its own", arguments: TestDatabase.all)
    func together(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            var devices: [EnrolledDevice] = []
            for number in 0..<8 {
                let device = try await lab.enroll("edge-\(number)", of: number % 2 == 0 ? .acme : .globex)
                for _ in 0..<number { try await lab.command(for: device) }
                devices.append(device)
            }
            let all = devices
            for round in 1...3 {
                let counts = try await atOnce(48) { number in
                    let cpu = JSON(number % 8 * 10 + round)
                    let metrics: JSON = ["cpu": cpu, "memory": 1, "uptime": 1]
                    let reply = try await lab.beat(all[number % 8], ["status": "online", "metrics": metrics])
                    return reply.json["pendingCommands"]?.int
                }
                #expect(counts.compactMap(\.self) == (0..<48).map { Int64($0 % 8) }, "round \(round)")
                for (number, device) in all.enumerated() {
                    let cpu = try await lab.state(of: device)["metrics"]?["cpu"]?.int
                    #expect(cpu == Int64(number * 10 + round))
                }
            }
            #expect(try await lab.devices(of: .acme, "?status=online&limit=1") == "1 of 4: edge-0 online")
        }
    }

    @Test("refuses a body that is wrong, by its field, and has no effect", arguments: TestDatabase.all)
    func hostile(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let good: JSON = ["status": "busy", "metrics": ["cpu": 1, "memory": 2, "uptime": 3]]
            try lab.must(await lab.beat(device, good))
            let before = try await lab.state(of: device)
            let large = JSON.string(String(repeating: "x", count: 16 << 10))
            let metrics: JSON = ["cpu": 1, "memory": 2, "uptime": 3]
            for (body, field) in [
                ([:], "status"), (["status": .null], "status"), (["status": "ONLINE"], "status"),
                (["status": ""], "status"), (["status": 1], "status"), (["status": ["online"]], "status"),
                (good.with(["timestamp": 1]), "timestamp"), (good.with(["metrics": 1]), "metrics"),
                (good.with(["metrics": "x"]), "metrics"), (good.with(["metrics": []]), "metrics"),
                (good.with(["metrics": metrics.with(["cpu": "1"])]), "metrics.cpu"),
                (good.with(["metrics": metrics.with(["note": large])]), "metrics"),
                (good.with(["diagnostics": large]), "diagnostics"), (good.with(["surprise": 1]), "surprise"),
            ] as [(JSON, String)] {
                let reply = try await lab.beat(device, body)
                #expect(reply.status == 400, "\(body.text().prefix(80)): \(reply.text)")
                #expect(reply.culprit?.hasPrefix(field) == true, "\(body.text().prefix(80)): \(reply.text)")
            }
            for text in [
                "", "[]", "null", "x", "{\"status\":\"online\"", "{\"status\":\"online\",\"status\":\"busy\"}",
            ] {
                let reply = try await lab.plane.send(
                    "POST", "/device/heartbeat", device.headers, bytes: Array(text.utf8))
                #expect(reply.status == 400, "\(text): \(reply.text)")
            }
            let after = try await lab.state(of: device)
            #expect(after["status"] == before["status"] && after["metrics"] == before["metrics"])
            let room = JSON.string(String(repeating: "x", count: 16_000))
            try lab.must(await lab.beat(device, ["status": "online", "diagnostics": room]))
        }
    }

    @Test("is 503 while the database is away", arguments: TestDatabase.all)
    func unavailable(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await lab.beat(device))
            await lab.database.close()
            let reply = try await lab.beat(device)
            #expect(reply.status == 503 && reply["Retry-After"] != nil, "\(reply.text)")
            #expect(reply.json["error"]?["code"]?.string?.isEmpty == false)
        }
    }

    @Test("is 401 when the device is suspended", arguments: TestDatabase.all)
    func suspended(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await lab.beat(device))
            let heard = try await lab.state(of: device)["lastHeartbeat"]
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            #expect(try await lab.beat(device).says == "401 UNAUTHORIZED")
            #expect(try await lab.state(of: device)["lastHeartbeat"] == heard)
        }
    }
}
