import API
import Bytes
import Engine
import Logging
import Store
import Support
import Testing

@Suite("WS /ws/device", .timeLimit(.minutes(3)))
struct DeviceSocketTests {
    @Test("opens by id and secret or by a session token, in the query or in headers", arguments: TestDatabase.all)
    func opens(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll("edge:1")
            let secret = "deviceId=edge%3A1&deviceSecret=\(device.secret)"
            for (query, headers) in [
                ("?\(secret)", []), ("?token=\(device.token)", []),
                ("", ["X-Device-Id: edge:1", "X-Device-Secret: \(device.secret)"]),
                ("", ["X-Device-Token: \(device.token)"]), ("", ["X-Device-Session: \(device.token)"]),
                ("", ["Authorization: Bearer \(device.token)"]),
            ] as [(String, [String])] {
                for path in ["/ws/device", "/api/v1/device/ws"] {
                    let socket = try await GatewaySocket.open(lab, path + query, headers)
                    let answer = try await socket.ask(["type": "status", "data": ["status": "online"]])
                    #expect(answer["type"] == "status_ack", "\(answer.text())")
                }
            }
        }
    }

    @Test("is 401 at the upgrade for a login that fails, 403 for a suspended device", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let code = try await lab.code(for: "waiting")
            for (query, headers) in [
                ("", []), ("?deviceId=edge-1", []), ("?deviceSecret=\(device.secret)", []),
                ("?deviceId=edge-1&deviceSecret=\(other.secret)", []),
                ("?deviceId=nobody&deviceSecret=\(device.secret)", []), ("?token=\(device.secret)", []),
                ("?deviceId=waiting&deviceSecret=\(code)", []), ("?token=\(device.token)0", []),
                ("?token=\(lab.token(of: .acme))", []), ("", ["X-Device-Id: edge-1"]),
                ("", ["X-Device-Id: edge-1", "X-Device-Secret: \(other.secret)"]), ("", ["X-Device-Token: x"]),
                ("", ["Authorization: Bearer \(ControlPlane.operatorToken)", "X-Owner-ID: acme"]),
            ] as [(String, [String])] {
                let reply = try await lab.upgrade("/ws/device\(query)", headers)
                #expect(reply.status == 401 && reply["Upgrade"] == nil, "\(query) \(headers): \(reply.text)")
                #expect(try JSON(parsing: reply.body)["error"]?["code"] == "UNAUTHORIZED")
                #expect(!reply.text.contains(device.secret) && !reply.text.contains(other.secret))
            }
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            let secret = "?deviceId=edge-1&deviceSecret=\(device.secret)"
            #expect(try await lab.upgrade("/ws/device\(secret)").status == 403)
            #expect(try await lab.upgrade("/ws/device?token=\(device.token)").status == 401)
            let plain = try await lab.plane.send("GET", "/ws/device?token=\(other.token)", base: "")
            #expect(plain.status == 426 && plain["Upgrade"] == "websocket")
        }
    }

    @Test("guessing a secret is 429 after five that were wrong, as for auth", arguments: TestDatabase.all)
    func bruteForce(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            for number in 0..<5 {
                #expect(try await lab.upgrade("/ws/device?deviceId=edge-1&deviceSecret=\(number)").status == 401)
            }
            let right = "/ws/device?deviceId=edge-1&deviceSecret=\(device.secret)"
            let over = try await lab.upgrade(right)
            #expect(over.status == 429 && over["Retry-After"] != nil, "\(over.text)")
            #expect(try await lab.auth(device.id, device.secret).says == "429 RATE_LIMITED")
            try await lab.pass(.seconds(61))
            #expect(try await lab.upgrade(right).status == 101)
        }
    }

    @Test("a command that waits or comes is claimed and pushed, the same object twice", arguments: TestDatabase.all)
    func pushes(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let parameters: JSON = ["url": "https://example.com", "n": 0.70]
            let first = try await lab.command(for: device, ["type": "http_check", "parameters": parameters])
            let socket = try await lab.socket(of: device)
            let message = try await socket.next()
            #expect(message["type"] == "command" && message["data"] == message["payload"], "\(message.text())")
            let grant = try #require(message["data"])
            #expect(grant.keys == ["id", "type", "parameters", "priority", "claimToken", "visibleUntil"])
            #expect(grant["id"]?.string == first && grant["type"] == "http_check" && grant["priority"] == 5)
            #expect(grant["parameters"] == parameters && lab.isDue(grant["visibleUntil"], in: 300_000))
            #expect(try await lab.status(first, of: device) == "claimed")
            #expect(try await lab.waiting(device) == 0)
            let start = World.live.monotonic()
            let second = try await lab.command(for: device)
            let held = try await socket.command(of: device)
            #expect(held.id == second && World.live.monotonic() - start < 4_000)
            // What was pushed is a claim like any other.
            #expect(try await lab.claim(device, ["limit": 10]).isEmpty)
            try lab.must(await lab.finish(held))
            try lab.must(await lab.extend(HeldCommand(device: device, grant: grant)))
            try await socket.expectQuiet()
        }
    }

    @Test("pushes in order of priority, then age, ten at most until one is done", arguments: TestDatabase.all)
    func tenAtMost(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            var ids: [String] = []
            for _ in 0..<12 { ids.append(try await lab.command(for: device)) }
            let urgent = try await lab.command(for: device, ["priority": 0])
            let socket = try await lab.socket(of: device)
            var held: [HeldCommand] = []
            for _ in 0..<10 { held.append(try await socket.command(of: device)) }
            #expect(held.map(\.id) == [urgent] + ids.prefix(9))
            try await socket.expectQuiet()
            #expect(try await lab.waiting(device) == 3)
            for next in ids[9...] {
                let done = held.removeFirst()
                try await socket.send(GatewayLab.report(done))
                let more = try await socket.command(of: device)
                #expect(more.id == next)
                held.append(more)
            }
            #expect(try await lab.waiting(device) == 0)
        }
    }

    @Test("what a dead socket got comes again when its lease has run out", arguments: TestDatabase.all)
    func dead(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let socket = try await lab.socket(of: device)
            let lost = try await socket.command(of: device)
            try await socket.hangUp()
            try await lab.loseLeases()
            let again = try await lab.socket(of: device)
            let held = try await again.command(of: device)
            #expect(held.id == id && held.token != lost.token)
            try await again.send(GatewayLab.report(lost))
            #expect(try await again.next().errorCode == "LEASE_LOST")
            try await again.send(GatewayLab.report(held))
            #expect(try await again.next("command_result_ack").field("success") == true)
            #expect(try await lab.status(id, of: device) == "completed")
        }
    }

    @Test("two sockets of one device share its commands: each goes to one of them", arguments: TestDatabase.all)
    func shared(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let sockets = [try await lab.socket(of: device), try await lab.socket(of: device)]
            var ids: Set<String> = []
            for _ in 0..<6 { ids.insert(try await lab.command(for: device)) }
            try await eventually("all are claimed") {
                let list = try await lab.call(as: .acme, "GET", "\(device.path)/commands?status=claimed")
                return list.json["commands"]?.array?.count == 6
            }
            var heard: [String] = []
            for socket in sockets {
                try await socket.send(["type": "no such type", "requestId": "end"])
                while true {
                    let message = try await socket.next()
                    guard message["type"] == "command" else { break }
                    heard.append(message["data"]?["id"]?.string ?? "")
                }
            }
            #expect(heard.count == 6 && Set(heard) == ids)
        }
    }

    @Test("its configuration comes as config_update when its customer changes it", arguments: TestDatabase.all)
    func config(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let (socket, neighbour) = (try await lab.socket(of: device), try await lab.socket(of: other))
            for interval in [30, 60] {
                let config: JSON = ["interval": JSON(interval), "deep": ["a": [.null]]]
                let fields: JSON = ["config": config]
                try lab.must(await lab.call(as: .acme, "PATCH", device.path, fields))
                let message = try await socket.next()
                #expect(message["type"] == "config_update" && message["data"] == config, "\(message.text())")
            }
            try lab.must(await lab.call(as: .acme, "PATCH", device.path, ["name": "Gate"]))
            try await socket.expectQuiet()
            try await neighbour.expectQuiet()
        }
    }

    @Test("a suspended device's sockets are closed with 1008", arguments: TestDatabase.all)
    func suspended(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let byToken = try await lab.socket(of: device)
            let secret = "?deviceId=edge-1&deviceSecret=\(device.secret)"
            let bySecret = try await GatewaySocket.open(lab, "/ws/device\(secret)")
            let neighbour = try await lab.socket(of: other)
            let id = try await lab.command(for: device)
            try await eventually("it is pushed") { try await lab.status(id, of: device) == "claimed" }
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            for socket in [byToken, bySecret] {
                let last = try await socket.rest().last
                #expect(last?.opcode == 8 && last?.code == 1008, "\(last?.text ?? "nothing")")
            }
            #expect(try await lab.status(id, of: device) == "pending")
            // However soon it is let in again.
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/resume"))
            let again = try await GatewaySocket.open(lab, "/ws/device\(secret)")
            for action in ["suspend", "resume"] {
                try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/\(action)"))
            }
            #expect(try await again.rest().last?.code == 1008)
            try await neighbour.expectQuiet()
        }
    }

    @Test("a command that is sent at one server reaches the socket at another")
    func twoServers() async throws {
        let url = try await TestDatabase.postgres.freshURL()
        let clock = TestClock()
        try await GatewayLab.run(.postgres, url: url, clock: clock) { here in
            let device = try await here.enroll()
            try await GatewayLab.run(.postgres, url: url, clock: clock) { there in
                // Schedulers carry what is woken from one process to the other.
                let schedulers = [here, there].map { lab in
                    Task {
                        let broker = lab.plane.dependencies.broker
                        await Scheduler(broker, world: .live, logger: Logger(label: "test")).run()
                    }
                }
                defer { for scheduler in schedulers { scheduler.cancel() } }
                let socket = try await there.socket(of: device)
                for _ in 0..<3 {
                    let id = try await here.command(for: device)
                    let held = try await socket.command(of: device)
                    #expect(held.id == id)
                    try await socket.send(GatewayLab.report(held))
                    #expect(try await socket.next("command_result_ack").field("success") == true)
                    #expect(try await here.status(id, of: device) == "completed")
                }
                try here.must(await here.call(as: .acme, "POST", "\(device.path)/suspend"))
                #expect(try await socket.rest().last?.code == 1008)
            }
        }
    }
}
