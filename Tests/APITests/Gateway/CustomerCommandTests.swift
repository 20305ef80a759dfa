import Bytes
import Store
import Support
import Testing

@Suite("/api/v1/customer/devices/:id/commands", .timeLimit(.minutes(2)))
struct CustomerCommandTests {
    /// The ids of all commands of a device that a query finds, page by page.
    private func walk(_ device: EnrolledDevice, _ query: String, _ lab: GatewayLab) async throws -> [String] {
        var (seen, cursor): ([String], String?) = ([], nil)
        repeat {
            let more = query + (cursor.map { "&cursor=\($0)" } ?? "")
            let page = try lab.must(await lab.call(as: device.customer, "GET", "\(device.path)/commands?\(more)"))
            seen += (page["commands"]?.array ?? []).compactMap { $0["id"]?.string }
            cursor = page["next_cursor"]?.string
        } while cursor != nil && seen.count < 1_000
        return seen
    }

    @Test("POST is 201 with the command", arguments: TestDatabase.all)
    func create(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let parameters: JSON = ["path": "/var/log", "lines": 1.50, "deep": [[["é"]]]]
            let body: JSON = ["type": "tail", "parameters": parameters, "priority": 3]
            let reply = try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/commands", body), 201)
            #expect(reply.keys == ["command"])
            let command = try #require(reply["command"])
            let keys = Set(["id", "deviceId", "type", "parameters", "priority", "status", "sessionId", "createdAt"])
            #expect(command.keys == keys, "\(command.text())")
            #expect(command["deviceId"] == "edge-1" && command["type"] == "tail" && command["parameters"] == parameters)
            #expect(command["priority"] == 3 && command["status"] == "pending" && command["sessionId"] == .null)
            #expect(lab.isDue(command["createdAt"], in: 0))
            let id = try #require(command["id"]?.string)
            #expect(UUIDv7.isUUID(id))
            #expect(try await lab.show(id, of: device) == command)
            let plain = try lab.must(await lab.send(to: device), 201)
            #expect(plain["command"]?["priority"] == 5)
        }
    }

    @Test("takes parameters of any JSON up to 64 KiB, and types up to 128 characters", arguments: TestDatabase.all)
    func parameters(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let most = JSON.string(String(repeating: "x", count: 65_500))
            for parameters in [false, 0, -1.5, "", [], [:], ["a", ["b": .null]], most] as [JSON] {
                let id = try await lab.command(for: device, ["parameters": parameters])
                #expect(try await lab.show(id, of: device)["parameters"] == parameters)
            }
            let type = String(repeating: "é", count: 128)
            let id = try await lab.command(for: device, ["type": .string(type), "priority": 1_000])
            #expect(try await lab.show(id, of: device)["type"]?.string == type)
            let deep = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
            let body = #"{"type":"x","parameters":\#(deep)}"#
            let reply = try await lab.plane.send(
                "POST", "/customer\(device.path)/commands", lab.headers(of: .acme), bytes: Array(body.utf8))
            #expect(reply.status == 400)
        }
    }

    @Test("GET lists them newest first, page by page", arguments: TestDatabase.all)
    func list(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let empty = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/commands"))
            #expect(empty == ["commands": [], "next_cursor": .null])
            var ids: [String] = []
            for number in 0..<7 {
                ids.append(try await lab.command(for: device, ["priority": JSON(7 - number)]))
                try await lab.command(for: other)
            }
            #expect(try await walk(device, "limit=100", lab) == ids.reversed())
            #expect(try await walk(device, "limit=3", lab) == ids.reversed())
            #expect(try await walk(device, "limit=1", lab) == ids.reversed())
            let page = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/commands?limit=3"))
            #expect(page["commands"]?.array?.count == 3 && page["next_cursor"]?.string != nil)
            let full = try lab.must(await lab.call(as: .acme, "GET", "\(device.path)/commands?limit=7"))
            #expect(full["next_cursor"] == .null, "there is no other page")
            for (query, name) in [
                ("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"),
                ("cursor=x", "cursor"), ("cursor=....", "cursor"),
            ] {
                let reply = try await lab.call(as: .acme, "GET", "\(device.path)/commands?\(query)")
                #expect(reply.status == 400 && reply.culprit == name, "\(query): \(reply.text)")
            }
        }
    }

    @Test("GET of one is 404 when it isn't the device's", arguments: TestDatabase.all)
    func one(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let id = try await lab.command(for: device)
            #expect(try await lab.show(id, of: device)["id"]?.string == id)
            for (path, says) in [
                ("\(other.path)/commands/\(id)", "404 NOT_FOUND"), ("\(device.path)/commands/none", "404 NOT_FOUND"),
                ("/devices/none/commands/\(id)", "404 NOT_FOUND"),
            ] {
                #expect(try await lab.call(as: .acme, "GET", path).says == says, "\(path)")
                #expect(try await lab.call(as: .acme, "DELETE", path).says == says, "\(path)")
            }
            #expect(try await lab.status(id, of: device) == "pending")
        }
    }

    @Test("DELETE cancels what hasn't ended, and is 409 after that", arguments: TestDatabase.all)
    func cancel(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            let waiting = try await lab.command(for: device, ["sessionId": .string(session)])
            let claimed = try await lab.command(for: device)
            let held = try await lab.held(by: device)
            let pending = try await lab.command(for: device)
            for id in [waiting, claimed, pending] {
                let reply = try lab.must(await lab.cancel(id, of: device))
                #expect(reply["command"]?["id"]?.string == id && reply["command"]?["status"] == "cancelled")
                #expect(try await lab.status(id, of: device) == "cancelled")
                #expect(try await lab.cancel(id, of: device).says == "409 JOB_ENDED")
            }
            #expect(try await lab.claim(device, ["limit": 10]).isEmpty)
            #expect(try await lab.finish(held).says == "409 JOB_ENDED")
            #expect(try await lab.extend(held).says == "409 JOB_ENDED")
            for result in [GatewayLab.success, GatewayLab.failure] {
                let id = try await lab.command(for: device)
                try lab.must(await lab.finish(lab.held(by: device), result))
                let before = try await lab.show(id, of: device)
                #expect(try await lab.cancel(id, of: device).says == "409 JOB_ENDED")
                #expect(try await lab.show(id, of: device) == before)
            }
        }
    }

    @Test("with an Idempotency-Key one command comes of a repeated call", arguments: TestDatabase.all)
    func idempotency(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let stranger = try await lab.enroll("edge-3", of: .globex)
            let key = ("Idempotency-Key", "k-1")
            let first = try await lab.send(["type": "once"], to: device, by: nil, key)
            try lab.must(first, 201)
            for _ in 0..<3 {
                let again = try await lab.send(["type": "once"], to: device, by: nil, key)
                #expect(again.status == 201 && again.body == first.body && again["Idempotency-Replayed"] == "true")
            }
            let changed = try await lab.send(["type": "twice"], to: device, by: nil, key)
            #expect(changed.says == "422 IDEMPOTENCY_KEY_REUSED", "\(changed.text)")
            var ids = [first.json["command"]?["id"]?.string]
            for (target, key) in [(other, key), (stranger, key), (device, ("Idempotency-Key", "k-2"))] {
                let reply = try await lab.send(["type": "once"], to: target, by: nil, key)
                #expect(reply.status == 201 && reply["Idempotency-Replayed"] == nil)
                ids.append(reply.json["command"]?["id"]?.string)
            }
            #expect(Set(ids).count == 4 && !ids.contains(nil))
            let replies = try await atOnce(10) { _ in
                try await lab.send(["type": "race"], to: device, by: nil, ("Idempotency-Key", "k-3"))
            }
            #expect(replies.allSatisfy { $0.status == 201 } && Set(replies.map(\.text)).count == 1)
            #expect(try await lab.waiting(device) == 3)
        }
    }

    @Test("is 429 beyond 10,000 open commands of a device", arguments: TestDatabase.all)
    func quota(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let id = try await lab.command(for: device)
            try await lab.database.write { tx in
                try tx.execute("UPDATE devices SET open_commands = 9999 WHERE id = 'edge-1'")
            }
            try await lab.command(for: device)
            let over = try await lab.send(to: device)
            #expect(over.says == "429 QUOTA_EXCEEDED" && over["Retry-After"] != nil, "\(over.text)")
            #expect(try await walk(device, "limit=100", lab).count == 2)
            #expect(try await lab.waiting(device) == 2)
            try await lab.command(for: other)
            try lab.must(await lab.cancel(id, of: device))
            try await lab.command(for: device)
        }
    }

    @Test("refuses fields that are wrong, by their names, and sends nothing", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let large = JSON.string(String(repeating: "x", count: 64 << 10))
            for (body, says, field) in [
                ([:], "MISSING_FIELD", "type"), (["type": ""], "INVALID_FIELD", "type"),
                (["type": "  "], "INVALID_FIELD", "type"), (["type": 1], "INVALID_FIELD", "type"),
                (["type": .string(String(repeating: "a", count: 129))], "INVALID_FIELD", "type"),
                (["type": "a", "priority": -1], "INVALID_FIELD", "priority"),
                (["type": "a", "priority": 1_001], "INVALID_FIELD", "priority"),
                (["type": "a", "priority": 0.5], "INVALID_FIELD", "priority"),
                (["type": "a", "priority": "5"], "INVALID_FIELD", "priority"),
                (["type": "a", "parameters": large], "INVALID_FIELD", "parameters"),
                (["type": "a", "status": "completed"], "UNKNOWN_FIELD", "status"),
                (["type": "a", "deviceId": "edge-2"], "UNKNOWN_FIELD", "deviceId"),
            ] as [(JSON, String, String)] {
                let reply = try await lab.call(as: .acme, "POST", "\(device.path)/commands", body)
                #expect(reply.says == "400 \(says)" && reply.culprit == field, "\(reply.text.prefix(300))")
            }
            #expect(try await lab.waiting(device) == 0)
        }
    }
}
