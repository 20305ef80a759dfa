import API
import Bytes
import Testing

@Suite("Trusted proxies", .timeLimit(.minutes(1)))
struct ProxyTests {
    /// One request whose body doesn't come: it is under way until its connection ends.
    private static func begin(_ client: String, _ port: Int) async throws -> RawSocket {
        try await offThread {
            let socket = try RawSocket(port: port)
            socket.say(
                "POST /hatch/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.operatorToken)\r\n"
                    + "X-Owner-ID: alice\r\nX-Forwarded-For: \(client)\r\nContent-Length: 13\r\n"
                    + "Expect: 100-continue\r\n\r\n")
            return socket
        }
    }

    @Test("are ranges of addresses, by bits")
    func ranges() throws {
        for (range, inside, outside) in [
            (
                "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
                ["11.0.0.0", "9.255.255.255", "::a00:1"]
            ),
            ("192.0.2.77", ["192.0.2.77"], ["192.0.2.76"]), ("192.0.2.64/26", ["192.0.2.127"], ["192.0.2.128"]),
            ("0.0.0.0/0", ["1.2.3.4"], ["::1"]), ("fd00::/9", ["fd7f::1"], ["fd80::1", "10.0.0.1"]),
            ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2", "127.0.0.1"]),
            ("::ffff:10.1.2.3", ["10.1.2.3"], ["10.1.2.4"]),
        ] {
            let ranges = [try #require(AddressRange(range))]
            for address in inside { #expect(ranges.contain(address), "\(range) \(address)") }
            for address in outside + ["", "x", "1.2.3"] { #expect(!ranges.contain(address), "\(range) \(address)") }
        }
        for text in [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0/8", "::/129", "a",
            "1.2.3.4/8/8",
            "::ffff:10.0.0.0/104",
        ] { #expect(AddressRange(text) == nil, "\(text)") }
    }

    @Test("alone are believed; what others say of clients counts for nothing")
    func strangers() async throws {
        let stranger = AppConfiguration.probe {
            $0.trustProxyHeaders = true
            $0.trustedProxies = [AddressRange("10.0.0.0/8")].compactMap(\.self)
        }
        try await TestServer.run(stranger, world: .still) { server async throws in
            for number in 0..<20 {
                #expect(try await server.get("/hatch/open", [("X-Forwarded-For", "1.2.3.\(number)")]).status == 200)
            }
            #expect(try await server.get("/hatch/open", [("X-Forwarded-For", "4.3.2.1")]).status == 429)
        }
        var secure = stranger
        secure.requireHTTPS = true
        try await TestServer.run(secure) { server async throws in
            #expect(try await server.get("/hatch/open", [("X-Forwarded-Proto", "https")]).status == 426)
        }
    }

    @Test("that stand in a row are passed over, and a client that names them gains nothing")
    func chain() async throws {
        let configuration = AppConfiguration.probe {
            $0.trustProxyHeaders = true
            $0.trustedProxies = [AddressRange].loopback + [AddressRange("10.0.0.0/8")].compactMap(\.self)
        }
        try await TestServer.run(configuration, world: .still) { server async throws in
            func ask(_ hops: String...) async throws -> Int {
                try await server.get("/hatch/open", hops.map { ("X-Forwarded-For", $0) }).status
            }
            for number in 0..<20 { #expect(try await ask("10.9.9.\(number), 1.2.3.4, 10.0.0.1") == 200) }
            #expect(try await ask("9.9.9.9, 1.2.3.4, 10.0.0.2, 127.0.0.1") == 429)
            #expect(try await ask("9.9.9.9, 1.2.3.4", "10.0.0.2") == 429)
            #expect(try await ask("1.2.3.4, 9.9.9.9, 10.0.0.2") == 200)
        }
    }

    @Test("have as many connections as they like; those behind them so many calls at once")
    func seats() async throws {
        let configuration = AppConfiguration.probe {
            $0.trustProxyHeaders = true
            $0.connectionsPerAddress = 2
        }
        try await TestServer.run(configuration) { server async throws in
            let port = server.port
            var held = [try await Self.begin("1.2.3.4", port), try await Self.begin("1.2.3.4", port)]
            for socket in held {
                #expect(try await offThread { String(decoding: socket.some(), as: UTF8.self) }.contains("100 Continue"))
            }
            let third = try await server.get("/hatch/open", [("X-Forwarded-For", "1.2.3.4")])
            #expect(third.status == 429 && third["Retry-After"] == "1", "\(third.text)")
            #expect(third.text.contains("too_many_connections"))
            #expect(third.text.contains("HATCHFARM_CONNECTIONS_PER_ADDRESS"))
            for client in ["1.2.3.5", "2001:db8::1"] {
                for _ in 0..<3 {
                    #expect(try await server.get("/hatch/open", [("X-Forwarded-For", client)]).status == 200)
                }
            }
            var more: [RawSocket] = []
            for _ in 0..<4 {
                let (socket, answer) = try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                    return (socket, String(decoding: socket.some(), as: UTF8.self))
                }
                #expect(answer.hasPrefix("HTTP/1.1 200"))
                more.append(socket)
            }
            #expect(more.count == 4)
            held.removeAll()
            var status = 429
            for _ in 0..<100 where status == 429 {
                status = try await server.get("/hatch/open", [("X-Forwarded-For", "1.2.3.4")]).status
                try await World.live.sleep(.milliseconds(50))
            }
            #expect(status == 200)
        }
    }
}
