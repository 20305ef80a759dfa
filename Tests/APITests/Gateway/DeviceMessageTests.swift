import API
import Bytes
import Support
import Testing

/// What a device says on its socket, and what it is answered.
@Suite("Messages of a device's socket", .timeLimit(.minutes(3)))
struct DeviceMessageTests {
    @Test("status is a heartbeat, and answered as one", arguments: TestDatabase.all)
    func status(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            #expect(try await lab.state(of: device)["lastHeartbeat"] == .null, "an open socket is no sign of life")
            let metrics: JSON = ["cpu": 12.5, "memory": 40, "uptime": 3_600]
            for (sent, shown) in [("online", "online"), ("busy", "busy"), ("degraded", "error")] {
                let data: JSON = ["status": .string(sent), "metrics": metrics, "diagnostics": ["a": 1]]
                let answer = try await socket.ask(["type": "status", "data": data])
                #expect(answer["type"] == "status_ack", "\(answer.text())")
                #expect(answer["data"] == ["success": true, "nextHeartbeat": 30_000, "pendingCommands": 0])
                let state = try await lab.state(of: device)
                #expect(state["status"]?.string == shown && state["metrics"] == metrics)
            }
            try await lab.pass(.seconds(91))
            #expect(try await lab.state(of: device)["status"] == "offline", "nor does it keep a device online")
            _ = try await socket.ask(["type": "status", "data": ["status": "online"]])
            #expect(try await lab.state(of: device)["status"] == "online")
        }
    }

    @Test("pendingCommands of a status is what waits beyond the ten in its hands", arguments: TestDatabase.all)
    func pending(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            for _ in 0..<13 { try await lab.command(for: device) }
            for _ in 0..<10 { _ = try await socket.command(of: device) }
            let answer = try await socket.ask(["type": "status", "data": ["status": "busy"]])
            #expect(answer["data"]?["pendingCommands"] == 3, "\(answer.text())")
        }
    }

    @Test("command_result ends a command, once, and says so", arguments: TestDatabase.all)
    func result(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            for (result, status) in [(GatewayLab.success, "completed"), (GatewayLab.failure, "failed")] {
                let id = try await lab.command(for: device)
                let held = try await socket.command(of: device)
                for _ in 0..<2 {
                    let answer = try await socket.ask(GatewayLab.report(held, result))
                    #expect(answer["type"] == "command_result_ack", "\(answer.text())")
                    #expect(answer.field("commandId")?.string == id && answer.field("success") == true)
                    #expect(try await lab.status(id, of: device) == status)
                }
                let shown = try await lab.show(id, of: device)["result"]
                #expect(shown?["output"] == result["output"] ?? .null && shown?["error"] == result["error"] ?? .null)
                // The same report by HTTP is the same report.
                try lab.must(await lab.finish(held, result))
            }
        }
    }

    @Test("command_extend prolongs the lease", arguments: TestDatabase.all)
    func extend(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device)
            let socket = try await lab.socket(of: device)
            let held = try await socket.command(of: device)
            let data: JSON = [
                "commandId": .string(id), "claimToken": .string(held.token), "extensionMs": 120_000,
            ]
            try await lab.pass(.seconds(250))
            let answer = try await socket.ask(["type": "command_extend", "data": data])
            #expect(answer["type"] == "command_extend_ack" && answer.field("commandId")?.string == id)
            #expect(lab.isDue(answer.field("visibleUntil"), in: 120_000), "\(answer.text())")
            try await lab.pass(.seconds(100))
            #expect(try await lab.status(id, of: device) == "claimed")
            let wrong = data.with(["extensionMs": 300_001])
            #expect(try await socket.ask(["type": "command_extend", "data": wrong]).errorCode == "INVALID_FIELD")
            try await lab.skip(.seconds(30))
            #expect(try await socket.ask(["type": "command_extend", "data": data]).errorCode == "LEASE_LOST")
        }
    }

    @Test("what is refused is an error with its code, and the socket stays open", arguments: TestDatabase.all)
    func refused(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let (device, other) = (try await lab.enroll("edge-1"), try await lab.enroll("edge-2"))
            let socket = try await lab.socket(of: device)
            let id = try await lab.command(for: device)
            let held = try await socket.command(of: device)
            try await lab.command(for: other)
            let foreign = try await lab.held(by: other)
            let cancelled = try await lab.command(for: device)
            let gone = try await socket.command(of: device)
            try lab.must(await lab.cancel(cancelled, of: device))
            let report = GatewayLab.report(held)
            let long = JSON.string(String(repeating: "x", count: 10_001))
            for (message, code) in [
                (GatewayLab.report(held, token: "x"), "LEASE_LOST"), (GatewayLab.report(foreign), "NOT_FOUND"),
                (GatewayLab.report(gone), "JOB_ENDED"), (["type": "command_result", "data": [:]], "MISSING_FIELD"),
                (["type": "command_result"], nil), (["type": "command_result", "data": 1], nil),
                (GatewayLab.report(held, GatewayLab.success.with(["output": long])), "INVALID_FIELD"),
                (GatewayLab.report(held, GatewayLab.success.with(["status": "ok"])), "INVALID_FIELD"),
                (GatewayLab.report(held, GatewayLab.success.with(["x": 1])), "UNKNOWN_FIELD"),
                (["type": "status", "data": ["status": "sleeping"]], "INVALID_FIELD"),
                (["type": "status", "data": []], nil), (["type": "subscribe", "deviceId": "edge-1"], nil),
                (["type": "COMMAND_RESULT", "data": report["data"] ?? .null], nil), (["type": 7], nil), ([:], nil),
            ] as [(JSON, String?)] {
                // Not more than ten a second.
                lab.plane.clock.advance(by: .seconds(1))
                let answer = try await socket.ask(message)
                #expect(answer["type"] == "error", "\(message.text().prefix(100)): \(answer.text())")
                #expect(answer["error"]?["message"]?.string?.isEmpty == false)
                let told = answer.errorCode ?? ""
                #expect(code.map { $0 == told } ?? !told.isEmpty, "\(message.text().prefix(100)): \(told)")
                #expect(told == told.uppercased())
            }
            #expect(try await lab.status(id, of: device) == "claimed")
            #expect(try await socket.ask(report)["type"] == "command_result_ack")
        }
    }

    @Test("a frame that is no JSON object is an error, and the socket stays open", arguments: TestDatabase.all)
    func frames(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            let deep = String(repeating: "[", count: 200) + String(repeating: "]", count: 200)
            for text in ["x", "", "[]", "1", "null", "{", "{} {}", #"{"type":"status","type":"status"}"#, deep] {
                try await socket.send(text: text)
                let answer = try await socket.next()
                #expect(answer["type"] == "error" && answer.errorCode?.isEmpty == false, "\(text): \(answer.text())")
            }
            lab.plane.clock.advance(by: .seconds(2))
            try await socket.expectQuiet()
            try await socket.send(text: String(repeating: " ", count: 65_537) + "{}")
            #expect(try await socket.rest().last?.code == 1009)
        }
    }

    @Test(
        "requestId comes back as it was, whatever it is, and isn't there when there was none",
        arguments: TestDatabase.all)
    func requestIDs(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            let status: JSON = ["type": "status", "data": ["status": "online"]]
            for id in ["r-1", "", "grüße 🐣"] as [JSON] {
                try await socket.send(status.with(["requestId": id]))
                let answer = try await socket.next()
                #expect(answer["type"] == "status_ack" && answer["requestId"] == id, "\(answer.text())")
                try await socket.send(["type": "nothing", "requestId": id])
                #expect(try await socket.next()["requestId"] == id)
            }
            try await socket.send(status)
            let answer = try await socket.next()
            #expect(answer["type"] == "status_ack" && answer["requestId"] == nil, "\(answer.text())")
        }
    }

    @Test("too many are told of, then the socket is closed with 1008", arguments: TestDatabase.all)
    func flood(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let socket = try await lab.socket(of: device)
            try await socket.send(["type": "nothing"], times: 200)
            let frames = try await socket.rest()
            #expect(frames.last?.opcode == 8 && frames.last?.code == 1008)
            let codes = try frames.dropLast().map { try JSON(parsing: $0.payload).errorCode }
            #expect(codes.count { $0 == "RATE_LIMITED" } == 1, "\(codes)")
            #expect((15..<60).contains(codes.count), "\(codes.count) were answered")
            // Who stops in time goes on.
            let eager = try await lab.socket(of: device)
            try await eager.send(["type": "nothing"], times: 30)
            var told: String?
            while told != "RATE_LIMITED" { told = try await eager.next().errorCode }
            lab.plane.clock.advance(by: .seconds(20))
            try await eager.send(["type": "status", "data": ["status": "online"]])
            _ = try await eager.next("status_ack")
        }
    }
}
