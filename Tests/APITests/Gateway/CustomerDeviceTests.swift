import API
import Bytes
import Support
import Testing

@Suite("GET /api/v1/customer/devices, and what a customer sees of one", .timeLimit(.minutes(2)))
struct CustomerDeviceTests {
    @Test("lists the customer's devices by id, with how they are", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            #expect(try lab.must(await lab.call(as: .acme, "GET", "/devices")) == ["devices": [], "total": 0])
            let beating = try await lab.enroll("c")
            try lab.must(await lab.beat(beating, ["status": "busy"]))
            _ = try await lab.enroll("b")
            try lab.must(await lab.provision("a", ["name": "Gate", "location": "Oslo"]), 201)
            let reply = try lab.must(await lab.call(as: .acme, "GET", "/devices"))
            #expect(reply["total"] == 3)
            let devices = reply["devices"]?.array ?? []
            #expect(devices.map { $0["id"] } == ["a", "b", "c"])
            #expect(devices.map { $0["status"] } == ["provisioned", "offline", "busy"])
            #expect(devices.map { $0["name"] } == ["Gate", "b", "c"])
            for device in devices {
                #expect(Set(["id", "name", "status", "lastSeen"]).isSubset(of: device.keys), "\(device.text())")
            }
            #expect(lab.isDue(devices.last?["lastSeen"], in: 0))
            #expect(devices.first?["location"] == "Oslo" && devices.last?["location"]?.string == nil)
        }
    }

    @Test("by status, limit and offset, with the total of all that there are", arguments: TestDatabase.all)
    func filters(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for number in 0..<7 {
                let device = try await lab.enroll("edge-\(number)")
                if number % 2 == 1 { try lab.must(await lab.beat(device)) }
            }
            try lab.must(await lab.provision("edge-7"), 201)
            for (query, page) in [
                ("", "8 of 8"), ("?status=all", "8 of 8"), ("?status=online", "3 of 3"), ("?status=offline", "5 of 5"),
                ("?limit=3", "3 of 8"), ("?limit=100", "8 of 8"), ("?limit=3&offset=6", "2 of 8"),
                ("?offset=8", "0 of 8"), ("?offset=100000", "0 of 8"), ("?status=online&limit=1&offset=2", "1 of 3"),
                ("?status=offline&offset=4", "1 of 5"), ("?status=online&offset=3", "0 of 3"),
            ] {
                let shown = try await lab.devices(of: .acme, query)
                #expect(shown.hasPrefix(page + ": "), "\(query): \(shown)")
            }
            #expect(
                try await lab.devices(of: .acme, "?status=online&limit=2&offset=1")
                    == "2 of 3: edge-3 online, edge-5 online")
            #expect(try await lab.devices(of: .acme, "?limit=2&offset=1") == "2 of 8: edge-1 online, edge-2 offline")
            // All pages together are all devices, each once.
            var seen: [String] = []
            for offset in stride(from: 0, to: 9, by: 3) {
                let page = try lab.must(await lab.call(as: .acme, "GET", "/devices?limit=3&offset=\(offset)"))
                seen += (page["devices"]?.array ?? []).compactMap { $0["id"]?.string }
            }
            #expect(seen == (0..<8).map { "edge-\($0)" })
        }
    }

    @Test("has 50 on a page when nothing is said", arguments: TestDatabase.all)
    func defaultLimit(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            _ = try await atOnce(52) { try lab.must(await lab.provision("edge-\($0)"), 201) }
            #expect(try await lab.devices(of: .acme).hasPrefix("50 of 52"))
            #expect(try await lab.devices(of: .acme, "?offset=50").hasPrefix("2 of 52"))
        }
    }

    @Test("refuses a query that is wrong, by its name", arguments: TestDatabase.all)
    func queries(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            for (query, name) in [
                ("status=sleeping", "status"), ("status=", "status"), ("status=Online", "status"), ("limit=0", "limit"),
                ("limit=101", "limit"), ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=1e1", "limit"),
                ("limit=9223372036854775808", "limit"), ("offset=-1", "offset"), ("offset=100001", "offset"),
                ("offset=9223372036854775807", "offset"), ("offset=x", "offset"),
            ] {
                let reply = try await lab.call(as: .acme, "GET", "/devices?\(query)")
                #expect(reply.says == "400 INVALID_FIELD" && reply.culprit == name, "\(query): \(reply.text)")
            }
        }
    }

    @Test("GET …/status shows one device", arguments: TestDatabase.all)
    func status(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let fresh = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/status"))
            #expect(fresh.keys == ["device"])
            let keys = Set(["id", "status", "lastHeartbeat", "metrics", "diagnostics"])
            #expect(keys.isSubset(of: fresh["device"]?.keys ?? []), "\(fresh.text())")
            #expect(fresh["device"]?["lastHeartbeat"] == .null && fresh["device"]?["metrics"] == .null)
            let metrics: JSON = ["cpu": 12.5, "memory": 40, "uptime": 3_600]
            try lab.must(await lab.beat(device, ["status": "online", "metrics": metrics]))
            var state = try await lab.state(of: device)
            #expect(state["id"] == "edge-1" && state["status"] == "online" && state["metrics"] == metrics)
            #expect(lab.isDue(state["lastHeartbeat"], in: 0))
            #expect(state["activeSession"]?.string == nil)
            let session = try await lab.session("diagnostic", on: device)
            state = try await lab.state(of: device)
            #expect(state["activeSession"]?.string == session)
            try lab.must(await lab.end(session))
            #expect(try await lab.state(of: device)["activeSession"]?.string == nil)
            _ = try await lab.session("remediation", on: device)
            try await lab.pass(.seconds(3_601))
            #expect(try await lab.state(of: device)["activeSession"]?.string == nil, "its hour is over")
        }
    }

    @Test("PATCH changes what the customer calls it, where it is and how it is configured", arguments: TestDatabase.all)
    func change(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let config: JSON = ["interval": 30, "deep": ["a": [1, .null]]]
            let fields: JSON = ["name": "Gate", "location": "Oslo", "config": config]
            let reply = try lab.must(await lab.call(as: .acme, "PATCH", device.path, fields))
            #expect(reply["device"]?["id"] == "edge-1" && reply["device"]?["name"] == "Gate", "\(reply.text())")
            try lab.must(await lab.call(as: .acme, "PATCH", device.path, ["name": "Door"]))
            let shown = try lab.must(await lab.call(as: .acme, "GET", "/devices"))["devices"]?.array?.first
            #expect(shown?["name"] == "Door" && shown?["location"] == "Oslo", "what isn't named stays")
            let large = JSON.object([.init("x", .string(String(repeating: "x", count: 16 << 10)))])
            for (body, field) in [
                (["name": ""], "name"), (["name": 1], "name"), (["location": 1], "location"), (["config": 1], "config"),
                (["config": []], "config"), (["config": "x"], "config"), (["config": large], "config"),
                (["status": "online"], "status"), (["id": "other"], "id"),
            ] as [(JSON, String)] {
                let reply = try await lab.call(as: .acme, "PATCH", device.path, body)
                #expect(reply.status == 400 && reply.culprit?.hasPrefix(field) == true, "\(reply.text)")
            }
            let after = try lab.must(await lab.call(as: .acme, "GET", "/devices"))["devices"]?.array?.first
            #expect(after == shown)
        }
    }

    @Test(
        "nobody sees or changes another customer's devices: 403, and 404 for what isn't there",
        arguments: TestDatabase.all)
    func isolation(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, theirs) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2", of: .globex))
            let id = try await lab.command(for: device)
            let session = try await lab.session("remediation", on: device)
            let waiting = try await lab.command(for: device, ["sessionId": .string(session)])
            let decision: JSON = ["commandId": .string(waiting), "approved": true]
            let calls: [(String, String, JSON?)] = [
                ("GET", "/status", nil), ("PATCH", "", ["name": "mine"]), ("DELETE", "", nil),
                ("POST", "/suspend", nil),
                ("POST", "/resume", nil), ("POST", "/commands", ["type": "ping"]), ("GET", "/commands", nil),
                ("GET", "/commands/\(id)", nil), ("DELETE", "/commands/\(id)", nil),
            ]
            let before = try await DatabaseContents.read(lab.database)
            for (method, path, body) in calls {
                let foreign = try await lab.call(as: .globex, method, device.path + path, body)
                #expect(foreign.says == "403 FORBIDDEN", "\(method) \(path): \(foreign.text)")
                let none = try await lab.call(as: .globex, method, "/devices/nothing\(path)", body)
                #expect(none.says == "404 NOT_FOUND", "\(method) \(path): \(none.text)")
            }
            for (method, path, body) in [
                ("POST", "/sessions", ["deviceId": "edge-1", "type": "diagnostic"]),
                ("GET", "/sessions/\(session)", nil), ("POST", "/sessions/\(session)/approve", decision),
                ("POST", "/sessions/\(session)/end", nil),
            ] as [(String, String, JSON?)] {
                let foreign = try await lab.call(as: .globex, method, path, body)
                #expect(foreign.says == "403 FORBIDDEN", "\(method) \(path): \(foreign.text)")
            }
            // Another's command under one's own device is none of it.
            for method in ["GET", "DELETE"] {
                let reply = try await lab.call(as: .globex, method, "\(theirs.path)/commands/\(id)")
                #expect(reply.says == "404 NOT_FOUND", "\(method): \(reply.text)")
            }
            let after = try await DatabaseContents.read(lab.database)
            #expect(after.differences(from: before) == [])
            #expect(try await lab.devices(of: .globex) == "1 of 1: edge-2 offline")
        }
    }
}
