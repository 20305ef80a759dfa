import API
import Bytes
import Domain
import Store
import Support
import Testing

@Suite("SteelThread's /ws", .timeLimit(.minutes(2)))
struct EchoTests {
    private func talk(
        _ plane: ControlPlane, _ path: String, _ headers: [String] = [],
        _ body: @escaping @Sendable (RawWebSocket) throws -> Void
    ) async throws {
        try await offThread { [port = plane.port] in
            let socket = try RawWebSocket(port: port, path, RawWebSocket.handshake + headers)
            #expect(socket.reply.status == 101, "\(socket.reply.text)")
            try body(socket)
        }
    }

    private static func json(_ frame: RawWebSocket.Frame?) throws -> JSON {
        try JSON(parsing: try #require(frame).payload)
    }

    @Test("greets a login by its name, and echoes messages with who sent them and when", arguments: TestDatabase.all)
    func echoes(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            try await plane.user("ann")
            let token = try await plane.token("ann")
            for (path, headers) in [("/ws?token=\(token)", []), ("/ws", ["Authorization: Bearer \(token)"])] {
                try await talk(plane, path, headers) { socket in
                    let hello = try Self.json(socket.next())
                    #expect(hello["type"] == "connection" && hello["status"] == "connected" && hello["user"] == "ann")
                    #expect(hello["timestamp"]?.string.flatMap(RFC3339.parse) != nil)
                    socket.say(RawWebSocket.text(#"{"a":[1.0,"é"],"type":"x"}"#))
                    let reply = try Self.json(socket.next())
                    #expect(reply["type"] == "message" && reply["user"] == "ann")
                    #expect(reply["data"]?.text(.compact) == #"{"a":[1.0,"é"],"type":"x"}"#)
                    #expect(reply["timestamp"]?.string.flatMap(RFC3339.parse) != nil)
                }
            }
        }
    }

    @Test("answers what is no JSON object with an error, and stays open")
    func noObject() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            try await plane.user("ann")
            let token = try await plane.token("ann")
            try await talk(plane, "/ws?token=\(token)") { socket in
                _ = socket.next()
                for text in ["x", "[]", "1", "{", "{} {}", #"{"a":1,"a":2}"#] {
                    socket.say(RawWebSocket.text(text))
                    let reply = try Self.json(socket.next())
                    #expect(reply["type"] == "error" && reply["message"]?.string?.isEmpty == false, "\(text)")
                }
                socket.say(RawWebSocket.text("{}"))
                #expect(try Self.json(socket.next())["type"] == "message")
            }
        }
    }

    @Test("closes with 1008 after the upgrade without a token, with a bad one, and with one that has ended")
    func badToken() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            try await plane.user("ann")
            let token = try await plane.token("ann")
            try await plane.dependencies.database.write { try $0.disableLogin("ann") }
            for query in ["", "?token=", "?token=a.b.c", "?token=\(token)", "?token=\(token)x"] {
                try await talk(plane, "/ws" + query) { socket in
                    #expect(socket.next()?.code == 1008, "\(query)")
                }
            }
        }
    }

    @Test("a GET that asks for no WebSocket is told so")
    func plainGet() async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let reply = try await plane.send("GET", "/ws", base: "")
            #expect(reply.status == 426 && reply["Upgrade"] == "websocket")
            #expect(reply.json["error"]?["type"] == "http_exception")
        }
    }
}
