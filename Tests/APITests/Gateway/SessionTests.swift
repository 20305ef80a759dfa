import Bytes
import Support
import Testing

@Suite("/api/v1/customer/sessions", .timeLimit(.minutes(2)))
struct SessionTests {
    /// `GET …/sessions/:id`.
    private func show(_ session: String, _ lab: GatewayLab) async throws -> JSON {
        try #require(try lab.must(await lab.call(as: .acme, "GET", "/sessions/\(session)"))["session"])
    }

    @Test("POST is 201 with a session of an hour", arguments: TestDatabase.all)
    func open(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for kind in ["diagnostic", "remediation"] {
                let body: JSON = ["deviceId": "edge-1", "type": .string(kind), "description": "It is slow."]
                let reply = try lab.must(await lab.call(as: .acme, "POST", "/sessions", body), 201)
                #expect(reply.keys == ["session"])
                let session = try #require(reply["session"])
                #expect(Set(["id", "deviceId", "status", "createdAt", "expiresAt"]).isSubset(of: session.keys))
                #expect(session["deviceId"] == "edge-1" && session["status"] == "active")
                #expect(lab.isDue(session["createdAt"], in: 0) && lab.isDue(session["expiresAt"], in: 3_600_000))
                let id = try #require(session["id"]?.string)
                #expect(try await lab.state(of: device)["activeSession"]?.string == id)
                try lab.must(await lab.end(id))
            }
        }
    }

    @Test("a device has one that is active: a second one is 409", arguments: TestDatabase.all)
    func one(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let first = try await lab.session("diagnostic", on: device)
            for kind in ["diagnostic", "remediation"] {
                #expect(try await lab.open(kind, on: device).says == "409 WRONG_STATE")
            }
            _ = try await lab.session("diagnostic", on: other)
            try lab.must(await lab.end(first))
            let second = try await lab.session("diagnostic", on: device)
            #expect(second != first)
            try await lab.pass(.seconds(3_540))
            #expect(try await lab.open("diagnostic", on: device).says == "409 WRONG_STATE")
            try await lab.pass(.seconds(61))
            _ = try await lab.session("diagnostic", on: device)
            #expect(try await show(second, lab)["status"] == "expired")
            #expect(try await show(first, lab)["status"] == "ended")
        }
    }

    @Test("of many that are asked for at once one is opened", arguments: TestDatabase.all)
    func race(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for _ in 0..<5 {
                let replies = try await atOnce(8) { _ in try await lab.open("diagnostic", on: device) }
                #expect(replies.map(\.status).sorted() == [201] + Array(repeating: 409, count: 7))
                let opened = replies.compactMap { $0.json["session"]?["id"]?.string }
                #expect(try await lab.state(of: device)["activeSession"]?.string == opened.first)
                let ends = try await atOnce(4) { _ in try await lab.end(opened.first ?? "") }
                #expect(ends.map(\.status).sorted() == [200, 409, 409, 409])
            }
        }
    }

    @Test("GET shows it with its commands, oldest first, and what came of them", arguments: TestDatabase.all)
    func history(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("diagnostic", on: device)
            var shown = try await show(session, lab)
            #expect(Set(["id", "status", "commands", "createdAt"]).isSubset(of: shown.keys))
            #expect(shown["id"]?.string == session && shown["status"] == "active" && shown["commands"] == [])
            #expect(lab.isDue(shown["createdAt"], in: 0))
            try await lab.command(for: device)
            let one = try await lab.command(for: device, ["type": "one", "sessionId": .string(session), "priority": 9])
            let two = try await lab.command(for: device, ["type": "two", "sessionId": .string(session), "priority": 0])
            let held = try await lab.held(by: device)
            #expect(held.id == two)
            try lab.must(await lab.finish(held))
            shown = try await show(session, lab)
            let commands = shown["commands"]?.array ?? []
            #expect(commands.map { $0["id"]?.string } == [one, two])
            #expect(commands.map { $0["type"] } == ["one", "two"])
            #expect(commands.map { $0["status"] } == ["pending", "completed"])
            #expect(commands.map { $0["result"]?["output"] } == [nil, "done"])
            #expect(try await lab.show(one, of: device)["sessionId"]?.string == session)
            try lab.must(await lab.end(session))
            shown = try await show(session, lab)
            #expect(shown["status"] == "ended" && shown["commands"]?.array?.count == 2)
        }
    }

    @Test("POST …/end is 200 once, then 409", arguments: TestDatabase.all)
    func end(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("diagnostic", on: device)
            let reply = try lab.must(await lab.end(session))
            #expect(reply["session"]?["id"]?.string == session && reply["session"]?["status"] == "ended")
            #expect(try await lab.end(session).says == "409 WRONG_STATE")
            let next = try await lab.session("diagnostic", on: device)
            try await lab.pass(.seconds(3_601))
            #expect(try await lab.end(next).says == "409 WRONG_STATE", "it has ended by itself")
            #expect(try await lab.end("nothing").says == "404 NOT_FOUND")
            #expect(try await lab.call(as: .acme, "GET", "/sessions/nothing").says == "404 NOT_FOUND")
        }
    }

    @Test("a command names a session of its own device that is active", arguments: TestDatabase.all)
    func membership(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let stranger = try await lab.enroll("edge-3", of: .globex)
            let (mine, sibling) = (
                try await lab.session("diagnostic", on: device), try await lab.session("diagnostic", on: other)
            )
            let theirs = try await lab.session("diagnostic", on: stranger)
            func send(_ session: JSON) async throws -> PlaneReply {
                try await lab.send(["sessionId": session], to: device)
            }
            let foreign = try await send(.string(sibling))
            #expect(foreign.says == "400 INVALID_FIELD" && foreign.culprit == "sessionId", "\(foreign.text)")
            #expect(try await send(.string(theirs)).says == "403 FORBIDDEN")
            #expect(try await send("0190b5f0-0000-7000-8000-000000000001").says == "404 NOT_FOUND")
            #expect(try await send(7).says == "400 INVALID_FIELD")
            try lab.must(await send(.string(mine)), 201)
            try lab.must(await lab.end(mine))
            #expect(try await send(.string(mine)).says == "409 WRONG_STATE")
            #expect(try await lab.waiting(device) == 1)
        }
    }

    @Test("refuses fields that are wrong, by their names", arguments: TestDatabase.all)
    func fields(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let good: JSON = ["deviceId": "edge-1", "type": "diagnostic"]
            for (body, says, field) in [
                (good.without("deviceId"), "400 MISSING_FIELD", "deviceId"),
                (good.without("type"), "400 MISSING_FIELD", "type"),
                (good.with(["type": "repair"]), "400 INVALID_FIELD", "type"),
                (good.with(["type": .null]), "400 MISSING_FIELD", "type"),
                (good.with(["deviceId": 1]), "400 INVALID_FIELD", "deviceId"),
                (good.with(["description": 1]), "400 INVALID_FIELD", "description"),
                (good.with(["expiresAt": "x"]), "400 UNKNOWN_FIELD", "expiresAt"),
                (good.with(["deviceId": "edge-2"]), "404 NOT_FOUND", nil),
            ] as [(JSON, String, String?)] {
                let reply = try await lab.call(as: .acme, "POST", "/sessions", body)
                #expect(reply.says == says && reply.culprit == field, "\(body.text()): \(reply.text)")
            }
            #expect(try await lab.state(of: device)["activeSession"]?.string == nil)
        }
    }
}
