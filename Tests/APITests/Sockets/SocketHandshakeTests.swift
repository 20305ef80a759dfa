import API
import Bytes
import Support
import Testing

@Suite("Opening a socket", .timeLimit(.minutes(2)))
struct SocketHandshakeTests {
    /// The handshake with one of its fields changed; nil takes it away.
    private static func handshake(_ name: String, _ value: String?) -> [String] {
        RawWebSocket.handshake.filter { !$0.hasPrefix(name + ":") } + (value.map { ["\(name): \($0)"] } ?? [])
    }

    private func ask(
        _ server: TestServer, _ path: String = "/sockets/echo", _ headers: [String] = RawWebSocket.handshake,
        method: String = "GET"
    ) async throws -> RawReply {
        try await offThread { [port = server.port] in
            let client = try RawWebSocket(port: port, path, headers, method: method)
            // What isn't an upgrade is the last answer.
            return client.reply.status == 101 ? client.reply : client.refusal()
        }
    }

    @Test("is answered as the standard says, with the fields that every answer has, and logged without the query")
    func opens() async throws {
        let pipe = try LogPipe()
        try await TestServer.sockets(sink: LogSink(descriptor: pipe.writer)) { server async throws in
            try await offThread { [port = server.port] in
                let client = try RawWebSocket(
                    port: port, "/sockets/things/7?token=se%63ret&x=secret",
                    RawWebSocket.handshake + ["X-Request-ID: mine", "Sec-WebSocket-Extensions: permessage-deflate"])
                let reply = client.reply
                #expect(reply.status == 101)
                #expect(reply["Sec-WebSocket-Accept"] == RawWebSocket.accept)
                #expect(reply["Upgrade"] == "websocket" && reply["Connection"] == "Upgrade")
                #expect(reply["X-Request-ID"] == "mine" && reply["X-Content-Type-Options"] == "nosniff")
                #expect(reply["Cache-Control"] == "no-store" && reply["Date"] != nil)
                for absent in ["Content-Length", "Transfer-Encoding", "Content-Type", "Sec-WebSocket-Extensions"] {
                    #expect(reply[absent] == nil, "\(absent)")
                }
                #expect(client.next()?.text == #"{"type":"connected","offered":[]}"#)
                client.say(RawWebSocket.text("hello"))
                #expect(client.next() == .text("hello"))
            }
            #expect(!pipe.nextLine().contains("secret"))
            let line = pipe.nextLine()
            let entry = try JSON(parsing: line)
            #expect(entry["status"] == 101 && entry["path"] == "/sockets/things/7" && entry["request"] == "mine")
            #expect(entry["operation"] == "socketProtocol")
            #expect(!line.contains("secret") && !line.contains("se%63ret"))
        }
    }

    @Test("is documented as an answer of 101")
    func document() async throws {
        try await TestServer.sockets { server in
            let operation = server.app.description["paths"]?["/sockets/things/{id}"]?["get"]
            #expect(operation?["responses"]?["101"]?["description"] == "The WebSocket is open.")
            #expect(operation?["operationId"] == "socketProtocol")
        }
    }

    @Test("takes any way to write the fields")
    func spellings() async throws {
        try await TestServer.sockets { server async throws in
            for headers in [
                Self.handshake("Connection", "keep-alive, upgrade"), Self.handshake("Connection", "UPGRADE"),
                Self.handshake("Upgrade", "WebSocket"), Self.handshake("Upgrade", "h2c, websocket"),
                Self.handshake("Sec-WebSocket-Version", " 13 "), Self.handshake("Connection", "close, Upgrade"),
                Self.handshake("Connection", nil) + ["Connection: keep-alive", "connection: Upgrade"],
                RawWebSocket.handshake + ["Content-Length: 0"],
            ] {
                let status = try await offThread { [port = server.port] in
                    try RawWebSocket(port: port, "/sockets/echo", headers).reply.status
                }
                #expect(status == 101, "\(headers)")
            }
        }
    }

    @Test("is refused in the system's words when it is malformed, and nothing follows")
    func malformed() async throws {
        try await TestServer.sockets { server async throws in
            for (headers, status) in [
                (Self.handshake("Upgrade", "h2c"), 426), (Self.handshake("Upgrade", ""), 426),
                (Self.handshake("Sec-WebSocket-Version", nil), 426),
                (Self.handshake("Sec-WebSocket-Version", "8"), 426),
                (Self.handshake("Sec-WebSocket-Version", "13, 8"), 426),
                (Self.handshake("Sec-WebSocket-Version", "013"), 426),
                (Self.handshake("Connection", nil), 400), (Self.handshake("Connection", "keep-alive"), 400),
                (Self.handshake("Sec-WebSocket-Key", nil), 400), (Self.handshake("Sec-WebSocket-Key", ""), 400),
                (Self.handshake("Sec-WebSocket-Key", "c2hvcnQ="), 400),
                (Self.handshake("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ"), 400),
                (Self.handshake("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZSE="), 400),
                (Self.handshake("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!=="), 400),
                (RawWebSocket.handshake + ["Sec-WebSocket-Key: \(RawWebSocket.key)"], 400),
                (Self.handshake("Host", nil), 400), (RawWebSocket.handshake + ["Content-Length: 3", "", "abc"], 400),
                (RawWebSocket.handshake + ["Transfer-Encoding: chunked", "", "0", ""], 400),
            ] {
                let reply = try await ask(server, "/sockets/echo", headers)
                #expect(reply.status == status, "\(headers): \(reply.text)")
                #expect(reply.count == 1 && reply.body.hasPrefix(#"{"error":{"code":"#), "\(reply.text)")
                #expect(reply["Connection"]?.hasSuffix("close") == true, "\(headers)")
                #expect(reply["X-Request-ID"] != nil)
                if status == 426 {
                    #expect(reply["Sec-WebSocket-Version"] == "13" && reply["Upgrade"] == "websocket")
                    #expect(reply["Connection"] == "Upgrade, close")
                }
            }
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test("is what a plain GET is told to do; its connection goes on")
    func plain() async throws {
        try await TestServer.sockets { server async throws in
            let reply = try await server.get("/sockets/echo")
            #expect(reply.status == 426)
            #expect(reply["Upgrade"] == "websocket" && reply["Connection"] == "Upgrade")
            #expect(try reply.json["error"]?["code"] == "UPGRADE_REQUIRED")
            #expect(try await server.send(.HEAD, "/sockets/echo").status == 426)
            let head = try await ask(server, method: "HEAD")
            #expect(head.status == 426 && head.body.isEmpty)
            let post = try await ask(server, method: "POST")
            #expect(post.status == 405 && post["Allow"] == "GET, HEAD")
            #expect(try await ask(server, "/sockets/nowhere").status == 404)
        }
    }

    @Test("needs a caller who is admitted")
    func admission() async throws {
        let configuration = AppConfiguration.probe { $0.addressRate = Rate(burst: 3, perSecond: 1) }
        try await TestServer.sockets(configuration) { server async throws in
            let operation = server.asAlice.map { "\($0): \($1)" }
            let owner = try await offThread { [port = server.port] in
                try RawWebSocket(port: port, "/sockets/member", RawWebSocket.handshake + operation).next()?.text
            }
            #expect(owner == #"{"owner":"alice"}"#)
            let refused = try await ask(server, "/sockets/member")
            #expect(refused.status == 401 && refused.body.contains("who are you"))
            #expect(refused["WWW-Authenticate"] == "Bearer" && refused["Upgrade"] == nil)
            // The address has three calls without a credential, and took one.
            var statuses: [Int] = []
            while statuses.last != 429, statuses.count < 50 {
                let reply = try await ask(server, "/sockets/metered")
                statuses.append(reply.status)
                #expect((reply["Retry-After"] != nil) == (reply.status == 429))
            }
            #expect(statuses.starts(with: [101, 101]) && statuses.last == 429, "\(statuses)")
        }
    }

    @Test("may come behind other requests of its connection, also those sent at once")
    func later() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                let socket = try RawSocket(port: port)
                for _ in 0..<3 {
                    socket.say("GET /hatch/free HTTP/1.1\r\nHost: x\r\n\r\n")
                    #expect(RawReply(bytes: socket.some()).status == 200)
                }
                let free = RawWebSocket.request("/hatch/free", ["Host: x", "X-Request-ID: first"])
                socket.say(free + RawWebSocket.request("/sockets/echo"))
                var first: [UInt8] = []
                // Up to the end of the first answer's body; what comes with it belongs to the socket.
                while first.suffix(14) != Array(#"{"id":"first"}"#.utf8)[...] {
                    let byte = socket.some(1)
                    if byte.isEmpty { break }
                    first += byte
                }
                let client = RawWebSocket(on: socket)
                #expect(client.reply.status == 101)
                #expect(client.next()?.text.contains("connected") == true)
                client.say(RawWebSocket.text("late"))
                #expect(client.next() == .text("late"))
            }
        }
    }

    @Test("is for pages of our own origin and of those that are allowed")
    func origins() async throws {
        let configuration = AppConfiguration.probe { configuration in
            configuration.addressRate = .unlimited
            configuration.allowedOrigins = ["https://app.example"]
            configuration.publicURL = "https://farm.example"
        }
        try await TestServer.sockets(configuration) { server async throws in
            for (origin, status) in [
                ("https://app.example", 101), ("http://x", 101), ("https://farm.example", 101),
                ("https://evil.example", 403), ("null", 403), ("http://x.evil.example", 403),
                ("https://app.example.evil.example", 403), ("", 403),
            ] {
                let reply = try await ask(server, "/sockets/echo", RawWebSocket.handshake + ["Origin: \(origin)"])
                #expect(reply.status == status, "\(origin)")
            }
        }
    }

    @Test("agrees on the subprotocol that the route chooses, of those that were offered")
    func subprotocols() async throws {
        try await TestServer.sockets { server async throws in
            for (path, offers, chosen) in [
                ("things/7", ["chat, auth-abc.def"], "auth-abc.def"),
                ("things/7", ["chat", "auth-1 , auth-2"], "auth-1"),
                ("things/7", ["chat"], nil), ("things/7", [], nil), ("liar", ["chat"], nil),
            ] {
                let lines = offers.map { "Sec-WebSocket-Protocol: \($0)" }
                let (reply, first) = try await offThread { [port = server.port] in
                    let client = try RawWebSocket(port: port, "/sockets/\(path)", RawWebSocket.handshake + lines)
                    return (client.reply, client.next()?.text ?? "")
                }
                #expect(reply.status == 101 && reply["Sec-WebSocket-Protocol"] == chosen, "\(offers)")
                let heard = try JSON(parsing: first)["offered"]?.array?.compactMap(\.string) ?? []
                #expect(heard.joined(separator: ",") == offers.joined(separator: ",").filter { $0 != " " })
            }
        }
    }

    @Test("asked of a route that is none is not done: the answer is the last of its connection")
    func elsewhere() async throws {
        try await TestServer.sockets { server async throws in
            let upgrade = [
                "Host: x", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk",
            ]
            for headers in [RawWebSocket.handshake, upgrade] {
                let reply = try await offThread { [port = server.port] in
                    let socket = try RawSocket(port: port)
                    socket.say(RawWebSocket.request("/hatch/free", headers) + RawWebSocket.request("/hatch/free"))
                    return socket.rest()
                }
                #expect(reply.status == 200 && reply.count == 1)
                #expect(reply["Connection"] == "close")
            }
            let body = #"{"title":"t"}"#
            let fields = server.asAlice.map { "\($0): \($1)" } + ["Content-Length: \(body.utf8.count)"]
            let echo = try await offThread { [port = server.port] in
                let socket = try RawSocket(port: port)
                socket.say(RawWebSocket.request("/hatch/echo", upgrade + fields, method: "POST") + body)
                return socket.rest()
            }
            #expect(echo.status == 201 && echo.body.contains("alice") && echo["Connection"] == "close")
        }
    }

    @Test("is waited for without reading on: what a client sends meanwhile isn't kept")
    func pumped() async throws {
        try await TestServer.sockets { server async throws in
            for request in [
                RawWebSocket.request("/hatch/wait"), RawWebSocket.request("/hatch/events"),
                RawWebSocket.request("/sockets/member"),
            ] {
                let sent = try await offThread { [port = server.port] in
                    let socket = try RawSocket(port: port)
                    socket.say(request)
                    return socket.pump(upTo: 64 << 20)
                }
                // What the kernel's buffers hold.
                #expect(sent < 32 << 20, "\(request.prefix(30)): \(sent)")
            }
        }
    }
}
