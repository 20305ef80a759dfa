import API
import Bytes
import Foundation
import Support
import Testing

@Suite(
    "The gateway's sockets by another program's client",
    .enabled(if: FileManager.default.fileExists(atPath: OtherClient.program), "it is installed by Ops/install test"),
    .timeLimit(.minutes(2)))
struct GatewayClientTests {
    /// What both scripts begin with.
    private static let words = """
        def say(ws, **message):
            ws.send(json.dumps(message))
        def hear(ws, wanted=None):
            while True:
                message = json.loads(ws.recv(timeout=10))
                if wanted is None or message["type"] == wanted:
                    return message
        def refused(path, **options):
            try:
                connect(base + path, **options)
            except InvalidStatus as error:
                return [error.response.status_code, json.loads(error.response.body)["error"]["code"]]
        """

    private func run(_ lab: GatewayLab, _ script: String) async throws -> JSON {
        try await OtherClient.run(at: "ws://127.0.0.1:\(lab.plane.port)", Self.words + "\n" + script)
    }

    @Test("a device gets its command, works on it and reports", arguments: TestDatabase.all)
    func device(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            let id = try await lab.command(for: device, ["type": "tail", "parameters": ["path": "/var/log"]])
            let found = try await run(
                lab,
                """
                secrets = {"X-Device-Id": "edge-1", "X-Device-Secret": "\(device.secret)"}
                with connect(base + "/ws/device", additional_headers=secrets) as ws:
                    found["first"] = hear(ws)["type"]
                    command = hear(ws, "command")
                    found["same"] = command["data"] == command["payload"]
                    found["command"] = command["data"]
                    lease = {"commandId": command["data"]["id"], "claimToken": command["data"]["claimToken"]}
                    say(ws, type="status", data={"status": "busy", "metrics": {"cpu": 1, "memory": 2, "uptime": 3}})
                    found["status"] = hear(ws)
                    say(ws, type="command_extend", data={**lease, "extensionMs": 60000}, requestId="r-1")
                    found["extended"] = hear(ws)
                    report = {"status": "success", "output": "grüße", "executedAt": "2026-01-01T00:00:00Z"}
                    say(ws, type="command_result", data={**lease, **report, "duration": 7})
                    found["result"] = hear(ws)
                    say(ws, type="dance")
                    found["unknown"] = hear(ws)["type"]
                    found["pong"] = ws.ping().wait(10)
                query = "/ws/device?deviceId=edge-1&deviceSecret="
                with connect(base + query + "\(device.secret)") as ws:
                    found["query"] = hear(ws)["type"]
                found["refused"] = refused(query + "wrong")
                """)
            #expect(found["first"] == "connected" && found["same"] == true && found["query"] == "connected")
            #expect(found["command"]?["id"]?.string == id && found["command"]?["parameters"] == ["path": "/var/log"])
            #expect(found["status"]?["type"] == "status_ack" && found["extended"]?["type"] == "command_extend_ack")
            #expect(found["extended"]?["requestId"] == "r-1" && found["unknown"] == "error" && found["pong"] == true)
            #expect(found["result"]?["type"] == "command_result_ack", "\(found.text())")
            #expect(found["refused"] == [401, "UNAUTHORIZED"])
            let shown = try await lab.show(id, of: device)
            #expect(shown["status"] == "completed" && shown["result"]?["output"] == "grüße")
            #expect(try await lab.state(of: device)["status"] == "busy")
        }
    }

    @Test("a customer follows a device, sends it a command and sees what becomes of it", arguments: TestDatabase.all)
    func customer(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            try lab.must(await lab.beat(device))
            let token = lab.token(of: .acme)
            let found = try await run(
                lab,
                """
                with connect(base + "/ws/customer", subprotocols=["auth-\(token)"]) as ws:
                    found["first"] = hear(ws)["type"]
                    found["subprotocol"] = ws.subprotocol == "auth-\(token)"
                    say(ws, type="subscribe", deviceId="edge-1", since=0)
                    found["subscribed"] = hear(ws)["type"]
                    found["missed"] = hear(ws)["type"]
                    say(ws, type="send_command", data={"deviceId": "edge-1", "type": "ping"}, requestId="r-1")
                    found["created"] = hear(ws, "command_created")
                with connect(base + "/ws/customer?token=\(token)") as ws:
                    found["query"] = hear(ws)["type"]
                    say(ws, type="subscribe", deviceId="edge-1", since=0)
                    found["update"] = hear(ws, "command_update")
                    say(ws, type="unsubscribe", deviceId="edge-1")
                    found["unsubscribed"] = hear(ws, "unsubscribed")["type"]
                with connect(base + "/ws/device?token=\(device.token)") as ws:
                    found["claimed"] = hear(ws, "command")["data"]
                found["refused"] = refused("/ws/customer?token=\(token)x")
                """)
            #expect(found["first"] == "connected" && found["subprotocol"] == true && found["query"] == "connected")
            #expect(found["subscribed"] == "subscribed" && found["missed"] == "device_status")
            #expect(found["created"]?["requestId"] == "r-1", "\(found.text())")
            let id = try #require(found["claimed"]?["id"]?.string)
            #expect(found["created"]?.field("command")?["id"]?.string == id)
            #expect(found["update"]?.field("command")?["id"]?.string == id)
            #expect(found["unsubscribed"] == "unsubscribed" && found["refused"] == [401, "UNAUTHORIZED"])
            #expect(try await lab.status(id, of: device) == "claimed")
        }
    }

    @Test("it understands why it was closed", arguments: TestDatabase.all)
    func closed(on database: TestDatabase) async throws {
        try await GatewayLab.run(database) { lab in
            let device = try await lab.enroll()
            async let found = run(
                lab,
                """
                with connect(base + "/ws/device?token=\(device.token)") as ws:
                    hear(ws, "connected")
                    say(ws, type="status", data={"status": "busy"})
                    hear(ws, "status_ack")
                    try:
                        ws.recv(timeout=30)
                    except ConnectionClosed as error:
                        found["code"] = error.rcvd.code
                """)
            try await eventually("it is there") { try await lab.state(of: device)["status"] == "busy" }
            try lab.must(await lab.call(as: .acme, "POST", "\(device.path)/suspend"))
            #expect(try await found == ["code": 1008])
        }
    }
}
