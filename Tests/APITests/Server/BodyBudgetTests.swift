import API
import Bytes
import Glibc
import Support
import Testing

@Suite("Bytes of bodies under way", .timeLimit(.minutes(1)))
struct BodyBudgetTests {
    private static let path = "/hatch/echo"

    private static func head(_ owner: String, _ length: Int) -> String {
        "POST \(path) HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.operatorToken)\r\n"
            + "X-Owner-ID: \(owner)\r\nContent-Length: \(length)\r\nConnection: close\r\n\r\n"
    }

    /// JSON of so many bytes, most of them blank.
    private static func body(_ bytes: Int) -> [UInt8] {
        let json = Array(#"{"title":"a"}"#.utf8)
        return [UInt8](repeating: 0x20, count: bytes - json.count) + json
    }

    private func bytes(_ server: TestServer) async throws -> Int {
        let metrics = try await server.get("/metrics", server.asOperator).text
        let line = metrics.split(separator: "\n").first { $0.hasPrefix("hatchfarm_body_bytes ") }
        return Int(line?.split(separator: " ").last ?? "") ?? -1
    }

    private func post(_ server: TestServer, _ owner: String, _ bytes: Int) async throws -> Answer {
        try await server.send(
            .POST, Self.path,
            server.asOperator + [("X-Owner-ID", owner), ("Content-Type", "application/json")],
            body: Self.body(bytes))
    }

    /// All but the last byte of a body has come, beside others that are as long.
    private func open(
        _ server: TestServer, _ owner: String, _ count: Int, beside others: Int = 0
    ) async throws -> RawSocket {
        let port = server.port
        let socket = try await offThread {
            let socket = try RawSocket(port: port)
            socket.say(Self.head(owner, count))
            socket.say(Array(Self.body(count).dropLast()))
            return socket
        }
        try await eventually("the bytes have come") {
            try await bytes(server) == (others + 1) * (count - 1 - (16 << 10))
        }
        return socket
    }

    @Test("have a limit of each owner and one of all, which small bodies never meet")
    func limits() async throws {
        let configuration = AppConfiguration.probe {
            $0.bodyMegabytesPerOwner = 1
            $0.bodyMegabytes = 2
            $0.addressRate = .unlimited
        }
        try await TestServer.run(configuration) { server async throws in
            let large = 900 << 10
            let first = try await open(server, "alice", large)
            let refused = try await post(server, "alice", large)
            #expect(refused.status == 429)
            #expect(refused["Retry-After"] == "1")
            #expect(try refused.json["code"] == "too_many_bytes")
            #expect(refused.text.contains("1 MiB") && refused.text.contains("HATCHFARM_BODY_MB_PER_OWNER"))
            #expect(try await post(server, "alice", 16 << 10).status == 201)
            let second = try await open(server, "bob", large, beside: 1)
            let full = try await post(server, "carol", large)
            #expect(full.status == 503)
            #expect(full["Retry-After"] == "1")
            #expect(full.text.contains("2 MiB") && full.text.contains("HATCHFARM_BODY_MB)"))
            #expect(try await post(server, "carol", 16 << 10).status == 201)
            for limit in ["owner", "process"] {
                try await eventually("figures, which are a second old at the most, tell of the \(limit)'s limit") {
                    try await server.get("/metrics", server.asOperator).text
                        .contains(#"hatchfarm_bodies_refused_total{limit="\#(limit)"} 1"#)
                }
            }
            for socket in [first, second] {
                let reply = try await offThread {
                    socket.say("}")
                    return socket.rest()
                }
                #expect(reply.status == 201, "\(reply.text)")
            }
            try await eventually("all is given back") { try await bytes(server) == 0 }
            #expect(try await post(server, "carol", large).status == 201)
        }
    }

    @Test("are given back when the client hangs up, and when the body is refused")
    func givenBack() async throws {
        try await TestServer.run { server async throws in
            _ = try await open(server, "alice", 500 << 10)
            try await eventually("they are given back") { try await bytes(server) == 0 }
            let refused = try await server.send(
                .POST, Self.path, server.asAlice + [("Content-Type", "application/json")],
                body: [UInt8](repeating: 0x78, count: 300 << 10))
            #expect(refused.status == 400)
            #expect(try await post(server, "alice", 2 << 20).status == 413)
            try await eventually("and so are those") { try await bytes(server) == 0 }
        }
    }

    @Test("count as many as they are unpacked")
    func packed() async throws {
        let configuration = AppConfiguration.probe {
            $0.bodyMegabytesPerOwner = 1
            $0.addressRate = .unlimited
        }
        try await TestServer.run(configuration) { server async throws in
            let large = 900 << 10
            let headers = server.asOperator + [("Content-Type", "application/json"), ("Content-Encoding", "zstd")]
            let packed = try Zstd.compress(Self.body(large))
            #expect(packed.count < 16 << 10)
            let first = try await open(server, "alice", large)
            let refused = try await server.send(.POST, Self.path, headers + [("X-Owner-ID", "alice")], body: packed)
            #expect(refused.status == 429)
            #expect(try refused.json["code"] == "too_many_bytes")
            let others = try await server.send(.POST, Self.path, headers + [("X-Owner-ID", "bob")], body: packed)
            #expect(others.status == 201)
            let reply = try await offThread {
                first.say("}")
                return first.rest()
            }
            #expect(reply.status == 201, "\(reply.text)")
            try await eventually("all is given back") { try await bytes(server) == 0 }
        }
    }

    @Test("have to come at a kilobyte a second at every time, however fast they began")
    func pace() async throws {
        try await TestServer.run(
            .probe {
                $0.bodyWindowMilliseconds = 500
                $0.addressRate = .unlimited
            }
        ) { server async throws in
            let port = server.port
            // Half a MiB at once would do for nine minutes; then a byte at a time.
            let (slow, took) = try await offThread {
                let socket = try RawSocket(port: port)
                socket.say(Self.head("alice", 1 << 20))
                socket.say([UInt8](repeating: 0x20, count: 1 << 19))
                let start = World.live.monotonic()
                for _ in 0..<40 {
                    socket.say(" ")
                    usleep(100_000)
                }
                return (socket.rest(), World.live.monotonic() - start)
            }
            #expect(slow.status == 0 && took < 15_000, "\(slow.text)")
            let metrics = try await server.get("/metrics", server.asOperator).text
            #expect(metrics.contains(#"hatchfarm_connections_ended_total{limit="slow_body"} 1"#), "\(metrics)")
            let steady = try await offThread {
                let socket = try RawSocket(port: port)
                let body = Self.body(4_000)
                socket.say(Self.head("alice", body.count))
                for start in stride(from: 0, to: body.count, by: 200) {
                    socket.say(Array(body[start..<min(start + 200, body.count)]))
                    usleep(100_000)
                }
                return socket.rest()
            }
            #expect(steady.status == 201, "\(steady.text)")
        }
    }
}
