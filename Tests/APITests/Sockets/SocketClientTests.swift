import API
import Bus
import Bytes
import Foundation
import Support
import Testing

/// The WebSocket client that most Python programs use.
enum OtherClient {
    /// As `Ops/install test` leaves it.
    static let program: String = {
        let build = FarmServer.program.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        return build.joined(separator: "/") + "/websocket-client/bin/python"
    }()

    static func run(_ server: TestServer, _ script: String) async throws -> JSON {
        try await run(at: "ws://127.0.0.1:\(server.port)/sockets/", script)
    }

    /// Runs a script that puts what it finds into `found`; URLs begin with `base`.
    static func run(at base: String, _ script: String) async throws -> JSON {
        let whole = """
            import json, sys, time
            from websockets.exceptions import ConnectionClosed, InvalidStatus
            from websockets.sync.client import connect
            base = "\(base)"
            found = {}
            \(script)
            print(json.dumps(found))
            """
        return try JSON(parsing: try await Tool.run(program, ["-c", whole]).trimmingCharacters(in: .newlines))
    }
}

@Suite(
    "Sockets by another program's client",
    .enabled(if: FileManager.default.fileExists(atPath: OtherClient.program), "it is installed by Ops/install test"),
    .timeLimit(.minutes(2)))
struct SocketClientTests {
    @Test("messages go there and back, whole, in pieces and large; pings are answered both ways; both may close")
    func conversation() async throws {
        try await TestServer.sockets { server async throws in
            let found = try await OtherClient.run(
                server,
                """
                with connect(base + "things/7?token=secret", subprotocols=["chat", "auth-abc"]) as ws:
                    found["hello"] = json.loads(ws.recv(timeout=10))
                    found["subprotocol"] = ws.subprotocol
                    found["extensions"] = len(ws.protocol.extensions)
                    found["id"] = ws.response.headers["X-Request-ID"]
                    ws.send("grüße 😀")
                    found["text"] = ws.recv(timeout=10)
                    ws.send(["in ", "three ", "pieces"])
                    found["pieces"] = ws.recv(timeout=10)
                    ws.send("x" * 65536)
                    found["large"] = len(ws.recv(timeout=10))
                    found["pong"] = ws.ping().wait(10)
                    ws.close(4000, "bye")
                    found["closed"] = ws.close_code
                with connect(base + "quick") as ws:
                    ws.recv(timeout=10)
                    time.sleep(1.5)
                    ws.send("alive")
                    found["alive"] = ws.recv(timeout=10)
                with connect(base + "echo") as ws:
                    ws.recv(timeout=10)
                    ws.send("follow often")
                    found["published"] = [ws.recv(timeout=10) for _ in range(3)]
                """)
            #expect(found["hello"] == ["type": "connected", "offered": ["chat", "auth-abc"]])
            #expect(found["subprotocol"] == "auth-abc" && found["extensions"] == 0)
            #expect(found["id"]?.string?.utf8.count == 16)
            #expect(found["text"] == "grüße 😀" && found["pieces"] == "in three pieces")
            #expect(found["large"] == 65_536 && found["pong"] == true && found["closed"] == 4000)
            #expect(found["alive"] == "alive")
            #expect(found["published"] == ["published probe", "published probe", "published probe"])
        }
    }

    @Test("it understands why it was refused, or closed")
    func refusals() async throws {
        try await TestServer.sockets { server async throws in
            let found = try await OtherClient.run(
                server,
                """
                try:
                    connect(base + "member")
                except InvalidStatus as error:
                    found["status"] = error.response.status_code
                    found["body"] = json.loads(error.response.body)
                headers = {"Authorization": "Bearer \(TestServer.operatorToken)", "X-Owner-ID": "alice"}
                with connect(base + "member", additional_headers=headers) as ws:
                    found["member"] = json.loads(ws.recv(timeout=10))
                for message in ["return", "refuse", "expire", "fail", "busy", b"bytes", "x" * 65537, ["x" * 50000] * 2]:
                    with connect(base + "echo") as ws:
                        ws.recv(timeout=10)
                        try:
                            ws.send(message)
                            ws.recv(timeout=10)
                        except ConnectionClosed as error:
                            found[str(message)[:10]] = [error.rcvd.code, error.rcvd.reason]
                with connect(base + "echo") as ws:
                    ws.recv(timeout=10)
                    try:
                        while True:
                            ws.send("flood")
                            # What is over the rate isn't answered one by one.
                            if not found.get("told") or time.time() > end:
                                found["told"] = "RATE" in ws.recv(timeout=10)
                                end = time.time() + 2
                    except ConnectionClosed as error:
                        found["flood"] = error.rcvd.code
                """)
            #expect(found["status"] == 401 && found["body"]?["error"]?["code"] == "UNAUTHORIZED")
            #expect(found["member"] == ["owner": "alice"])
            #expect(found["return"] == [1000, ""])
            #expect(found["refuse"] == [1008, "Could not validate credentials"])
            #expect(found["expire"]?.array?.first == 1008)
            #expect(found["fail"]?.array?.first == 1011 && found["busy"]?.array?.first == 1013)
            #expect(found["b'bytes'"]?.array?.first == 1003)
            #expect(found["xxxxxxxxxx"]?.array?.first == 1009 && found["['xxxxxxxx"]?.array?.first == 1009)
            #expect(found["told"] == true && found["flood"] == 1008)
        }
    }

    @Test("it hears of the shutdown")
    func shutdown() async throws {
        try await TestServer.sockets { server async throws in
            let opened = server.dependencies.bus.subscribe("probe opened")
            async let found = OtherClient.run(
                server,
                """
                with connect(base + "echo") as ws:
                    ws.recv(timeout=10)
                    try:
                        ws.recv(timeout=30)
                    except ConnectionClosed as error:
                        found["code"] = error.rcvd.code
                        found["answered"] = error.sent.code
                """)
            #expect(await opened.wait(for: .seconds(20)) == .published)
            await server.shutDown()
            #expect(try await found == ["code": 1001, "answered": 1001])
        }
    }
}
