import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("WS /ws/customer", .timeLimit(.minutes(3)))
struct CustomerSocketTests {
    @Test(
        "opens by a token in the query, in Authorization or as a subprotocol, which is answered",
        arguments: TestDatabase.all)
    func opens(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let token = lab.token(of: .acme)
            for (query, headers, chosen) in [
                ("?token=\(token)", [], nil), ("", ["Authorization: Bearer \(token)"], nil),
                ("", ["Sec-WebSocket-Protocol: auth-\(token)"], "auth-\(token)"),
                ("", ["Sec-WebSocket-Protocol: chat, auth-\(token)"], "auth-\(token)"),
                ("?token=\(token)", ["Sec-WebSocket-Protocol: chat"], nil),
            ] as [(String, [String], String?)] {
                for path in ["/ws/customer", "/api/v1/customer/ws"] {
                    let socket = try await GatewaySocket.open(lab, path + query, headers)
                    #expect(socket.reply["Sec-WebSocket-Protocol"] == chosen, "\(query) \(headers)")
                    try await socket.subscribe(to: device)
                }
            }
        }
    }

    @Test("is 401 at the upgrade for a token that is none, 403 for a role that is none", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let token = lab.token(of: .acme)
            let expired = lab.token(of: .acme) { $0.set("exp", JSON(lab.now / 1_000 - 1)) }
            let forged = lab.token(of: .acme) { $0.key = Array("another secret, which is of more than 32 bytes".utf8) }
            for (query, headers) in [
                ("", []), ("?token=", []), ("?token=x", []), ("?token=\(expired)", []), ("?token=\(forged)", []),
                ("?token=\(device.token)", []), ("?deviceId=edge-1&deviceSecret=\(device.secret)", []),
                ("", ["Authorization: Bearer \(forged)"]), ("", ["Sec-WebSocket-Protocol: auth-\(forged)"]),
                ("", ["Sec-WebSocket-Protocol: \(token)"]), ("", ["X-Device-Token: \(device.token)"]),
                ("", ["Authorization: Bearer \(ControlPlane.operatorToken)", "X-Owner-ID: acme"]),
            ] as [(String, [String])] {
                let reply = try await lab.upgrade("/ws/customer\(query)", headers)
                #expect(reply.status == 401 && reply["Upgrade"] == nil, "\(query) \(headers): \(reply.text)")
                #expect(try JSON(parsing: reply.body)["error"]?["code"] == "UNAUTHORIZED")
                #expect(!reply.text.contains(forged) && !reply.text.contains(expired))
            }
            let anon = lab.token(of: .acme) { $0.set("role", "anon") }
            #expect(try await lab.upgrade("/ws/customer?token=\(anon)").status == 403)
            #expect(try await lab.upgrade("/ws/device?token=\(token)").status == 401)
            let plain = try await lab.plane.send("GET", "/ws/customer?token=\(token)", base: "")
            #expect(plain.status == 426 && plain["Upgrade"] == "websocket")
        }
    }

    @Test("closes with 1008 when the token ends", arguments: TestDatabase.all)
    func expiry(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let token = lab.token(of: .acme) { $0.set("exp", JSON(lab.now / 1_000 + 3)) }
            let socket = try await GatewaySocket.open(lab, "/ws/customer?token=\(token)")
            try await socket.expectQuiet()
            #expect(try await socket.rest().last?.code == 1008)
        }
    }

    @Test("send_command is answered by command_created, and the device gets it", arguments: TestDatabase.all)
    func sends(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let session = try await lab.session("remediation", on: device)
            let (mine, theirs) = (try await lab.socket(of: .acme), try await lab.socket(of: device))
            let parameters: JSON = ["n": [1, .null]]
            let data: JSON = ["deviceId": "edge-1", "type": "ping", "parameters": parameters, "priority": 2]
            let answer = try await mine.ask(["type": "send_command", "data": data])
            #expect(answer["type"] == "command_created", "\(answer.text())")
            let command = try #require(answer.field("command"))
            #expect(command["deviceId"] == "edge-1" && command["parameters"] == parameters && command["priority"] == 2)
            #expect(command["type"] == "ping" && command["status"]?.string != nil)
            let held = try await theirs.command(of: device)
            #expect(held.id == command["id"]?.string && held.grant["parameters"] == parameters)
            let asked: JSON = ["deviceId": "edge-1", "type": "reboot", "sessionId": .string(session)]
            let waits = try await mine.ask(["type": "send_command", "data": asked])
            #expect(waits.field("command")?["status"] == "pending_approval", "\(waits.text())")
            try await theirs.expectQuiet()
            let id = try #require(waits.field("command")?["id"]?.string)
            try lab.must(await lab.decide(id, in: session))
            #expect(try await theirs.command(of: device).id == id)
        }
    }

    @Test("what is refused is an error with its code, and the socket stays open", arguments: TestDatabase.all)
    func errors(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, theirs) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2", of: .globex))
            let socket = try await lab.socket(of: .acme)
            func send(_ fields: JSON) -> JSON {
                let data: JSON = ["deviceId": "edge-1", "type": "ping"]
                return ["type": "send_command", "data": data.with(fields)]
            }
            for (message, code) in [
                (["type": "subscribe", "deviceId": "edge-2"], "FORBIDDEN"),
                (["type": "subscribe", "deviceId": "nothing"], "NOT_FOUND"),
                (["type": "subscribe"], "MISSING_FIELD"), (["type": "subscribe", "deviceId": 1], "INVALID_FIELD"),
                (["type": "subscribe", "deviceId": "edge-1", "since": -1], "INVALID_FIELD"),
                (["type": "subscribe", "deviceId": "edge-1", "since": "1"], "INVALID_FIELD"),
                (send(["deviceId": "edge-2"]), "FORBIDDEN"), (send(["deviceId": "nothing"]), "NOT_FOUND"),
                (send(["type": ""]), "INVALID_FIELD"), (send(["priority": 1_001]), "INVALID_FIELD"),
                (send(["sessionId": "nothing"]), "NOT_FOUND"), (send(["surprise": 1]), "UNKNOWN_FIELD"),
                (["type": "send_command"], nil), (["type": "send_command", "data": [:]], "MISSING_FIELD"),
                (["type": "status", "data": ["status": "online"]], nil), (["type": "nothing"], nil), ([:], nil),
            ] as [(JSON, String?)] {
                lab.plane.clock.advance(by: .seconds(1))
                let answer = try await socket.ask(message)
                #expect(answer["type"] == "error", "\(message.text()): \(answer.text())")
                #expect(answer["error"]?["message"]?.string?.isEmpty == false)
                let told = answer.errorCode ?? ""
                #expect(code.map { $0 == told } ?? !told.isEmpty, "\(message.text()): \(told)")
            }
            for text in ["x", "[]", "{"] {
                try await socket.send(text: text)
                #expect(try await socket.next()["type"] == "error", "\(text)")
            }
            #expect(try await lab.waiting(theirs) == 0)
            #expect(try await lab.waiting(device) == 0)
            // Those signs of life were none for who follows nothing.
            try await socket.expectQuiet()
        }
    }

    @Test("too many messages are told of, then the socket is closed with 1008", arguments: TestDatabase.all)
    func flood(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let socket = try await lab.socket(of: .acme)
            try await socket.send(["type": "nothing"], times: 200)
            let frames = try await socket.rest()
            #expect(frames.last?.opcode == 8 && frames.last?.code == 1008)
            let codes = try frames.dropLast().map { try JSON(parsing: $0.payload).errorCode }
            #expect(codes.count { $0 == "RATE_LIMITED" } == 1, "\(codes)")
        }
    }

    @Test("follows 500 devices at the most", arguments: TestDatabase.all)
    func most(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            try await lab.database.write { tx in
                for number in 0..<501 {
                    _ = try tx.provisionDevice(
                        DeviceID("edge-\(number)"), of: CustomerID("acme"), name: "n", location: nil, codeHash: "none")
                }
            }
            let socket = try await lab.socket(of: .acme)
            func subscribe(_ number: Int) async throws -> JSON {
                if number % 10 == 0 { lab.plane.clock.advance(by: .seconds(1)) }
                return try await socket.ask(["type": "subscribe", "deviceId": "edge-\(number)"])
            }
            for number in 0..<500 {
                let answer = try await subscribe(number)
                try #require(answer["type"] == "subscribed", "\(number): \(answer.text())")
            }
            #expect(try await subscribe(0)["type"] == "subscribed", "one that it follows is none more")
            let over = try await subscribe(500)
            #expect(over["type"] == "error" && over.errorCode?.isEmpty == false, "\(over.text())")
            _ = try await socket.ask(["type": "unsubscribe", "deviceId": "edge-7"])
            #expect(try await subscribe(500)["type"] == "subscribed")
        }
    }
}
