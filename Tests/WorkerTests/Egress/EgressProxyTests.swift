@testable import Egress
import Glibc
import NIOCore
@testable import Support
import Testing

@Suite("The way out of a sandbox: requests", .timeLimit(.minutes(1)))
struct EgressProxyTests {
    @Test("a plain request reaches the server it names, without what was meant for the proxy")
    func plainRequest() async throws {
        let upstream = try Upstream.web()
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let answer = try lab.ask(
                "GET http://Upstream.test:\(upstream.port)/a?b HTTP/1.1\r\nHost: other.test\r\nUser-Agent: x\r\n"
                    + "Proxy-Connection: keep-alive\r\nProxy-Authorization: Basic c2VjcmV0\r\nTE: trailers\r\n"
                    + "Connection: keep-alive, X-Hop, Host\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nUpgrade: h2c\r\n\r\n")
            #expect(answer == "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            let lines = try #require(upstream.requests.first).split(separator: "\r\n").map(String.init)
            #expect(lines.first == "GET /a?b HTTP/1.1")
            #expect(
                Set(lines.dropFirst()) == [
                    "Host: upstream.test:\(upstream.port)", "User-Agent: x", "Connection: close",
                ])
            let usage = lab.proxy.usage
            #expect(usage.requestsAllowed == 1)
            #expect(usage.requestsRefused == 0)
            #expect(usage.sentBytes == Int64(try #require(upstream.requests.first).utf8.count))
            #expect(usage.receivedBytes == Int64(answer.utf8.count))
        }
    }

    @Test("a body arrives as it was framed", arguments: [true, false])
    func bodies(isChunked: Bool) async throws {
        let body = String(repeating: "0123456789abcdef", count: 16_384)
        let framed = isChunked ? "40000\r\n\(body)\r\n0\r\n\r\n" : body
        let framing = isChunked ? "Transfer-Encoding: Chunked" : "Content-Length: \(body.utf8.count)"
        let upstream = try Upstream { upstream, connection in
            let head = connection.until("\r\n\r\n")
            upstream.hear(head)
            // Chunks may be cut anew; their text may not.
            upstream.hear(isChunked ? connection.until("\r\n0\r\n\r\n") : connection.exactly(body.utf8.count))
            _ = connection.say("HTTP/1.0 204 Done\r\n\r\n")
        }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.connect()
            defer { client.close() }
            #expect(client.say("POST http://upstream.test:\(upstream.port)/ HTTP/1.1\r\n\(framing)\r\n\r\n"))
            try await eventually("the head is through") { upstream.requests.count == 1 }
            #expect(client.say(framed))
            #expect(String(decoding: client.toEnd(), as: UTF8.self) == "HTTP/1.0 204 Done\r\n\r\n")
            let got = try #require(upstream.requests.last)
            #expect(got.replacing(#/(^|\r\n)[0-9a-f]+\r\n/#, with: "").replacing("\r\n", with: "") == body)
        }
    }

    @Test("a client that is done with sending still gets its answer, and one request a connection is passed on")
    func oneRequest() async throws {
        let upstream = try Upstream { upstream, connection in
            upstream.hear(connection.until("\r\n\r\n"))
            usleep(100_000)
            _ = connection.say("HTTP/1.1 200 OK\r\n\r\nlate")
        }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.connect()
            defer { client.close() }
            let request = "GET http://upstream.test:\(upstream.port)/ HTTP/1.1\r\n\r\n"
            #expect(client.say(request + request.replacing("upstream", with: "fronted")))
            client.endOutput()
            #expect(String(decoding: client.toEnd(), as: UTF8.self).hasSuffix("late"))
            #expect(upstream.requests.count == 1)
            #expect(lab.proxy.usage.requestsAllowed == 1)
        }
    }

    @Test(
        "what isn't allowed is refused with the reason, and reported once a host",
        arguments: [
            ("other.test:443", "other.test is not among the domains"), ("upstream.test:22", "port 22 of upstream.test"),
            ("127.0.0.1:443", "is an address"), ("0x7f.1:443", "127.0.0.1 is an address"),
            ("2130706433:443", "127.0.0.1 is an address"), ("[::1]:443", "[::1] is an address"),
            ("private.upstream.test:443", "that is private"), ("metadata.upstream.test:443", "metadata service"),
            ("loop.upstream.test:443", "this machine itself"), ("mixed.upstream.test:443", "that is private"),
        ])
    func refusals(authority: String, reason: String) async throws {
        let names = [
            "private.upstream.test": ["192.168.1.1"], "metadata.upstream.test": ["169.254.169.254"],
            "loop.upstream.test": ["127.0.0.1"], "mixed.upstream.test": ["8.8.8.8", "fd00::1"],
        ]
        try await EgressLab.with(names: names) { rules in
            rules = try EgressRules(domains: ["upstream.test", "*.upstream.test"])
        } _: { lab in
            for request in ["CONNECT \(authority)", "GET http://\(authority)/", "CONNECT \(authority)"] {
                let answer = try lab.ask("\(request) HTTP/1.1\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
                #expect(answer.contains(reason))
                #expect(!answer.contains("192.168"))
            }
            #expect(lab.log.count == 1)
            #expect(lab.log.first?.hasPrefix("[network] refused ") == true)
            #expect(lab.log.first?.contains(reason) == true)
            #expect(lab.proxy.usage == EgressUsage(requestsRefused: 3))
        }
    }

    @Test("this machine is out of reach by any of its addresses, also where private ones are allowed")
    func ownAddresses() async throws {
        let upstream = try Upstream.web()
        defer { upstream.stop() }
        let devices = try System.enumerateDevices().compactMap { $0.address?.ipAddress }.filter { !$0.contains("%") }
        #expect(devices.contains("127.0.0.1"))
        for (number, address) in devices.enumerated() {
            try await EgressLab.with(names: ["own\(number).test": [address]]) { rules in
                rules.addresses.allowsLoopback = false
            } _: { lab in
                let answer = try lab.ask("CONNECT own\(number).test:\(upstream.port) HTTP/1.1\r\n\r\n")
                #expect(answer.hasPrefix("HTTP/1.1 403 "), "\(address)")
            }
        }
        #expect(upstream.requests.isEmpty)
    }

    @Test(
        "what is no request to a proxy gets 400",
        arguments: [
            "GET / HTTP/1.1\r\nHost: upstream.test\r\n\r\n", "GET https://upstream.test/ HTTP/1.1\r\n\r\n",
            "CONNECT upstream.test HTTP/1.1\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "SSH-2.0-OpenSSH_9.2\r\n\r\n",
            "GET http://a@upstream.test/ HTTP/1.1\r\n\r\n", "GET http://upstream.test/\r\n\r\n",
            "GET http://upstream.test/ HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "GET http://upstream.test/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "GET http://upstream.test/ HTTP/1.1\r\nA b: c\r\n\r\n",
        ])
    func malformed(text: String) async throws {
        try await EgressLab.with { lab in
            let answer = try lab.ask(text)
            #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        }
    }

    @Test("an address that is listed by itself may be asked for")
    func listedAddress() async throws {
        let upstream = try Upstream.web()
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.domains = [try DomainPattern("127.0.0.1:\(upstream.port)")]
        } _: { lab in
            let answer = try lab.ask("GET http://127.1:\(upstream.port)/ HTTP/1.1\r\n\r\n")
            #expect(answer.hasSuffix("ok"))
            #expect(upstream.requests.first?.contains("Host: 127.0.0.1:\(upstream.port)\r\n") == true)
        }
    }

    @Test("the machine's own resolver is asked by name")
    func systemResolver() async throws {
        let upstream = try Upstream.web()
        defer { upstream.stop() }
        let rules = AddressRules(allowsPrivate: true, allowsLoopback: true)
        try await EgressLab.with(resolver: .system(rules)) { lab in
            let answer = try lab.ask("GET http://LOCALHOST:\(upstream.port)/ HTTP/1.1\r\n\r\n")
            #expect(answer.hasSuffix("ok"))
        }
    }

    @Test("servers that aren't there, or silent names, are told from what is forbidden")
    func trouble() async throws {
        let closed = try Socket.listening(port: 0)
        let port = closed.port
        closed.close()
        try await EgressLab.with(names: ["two.test": ["127.0.0.2", "127.0.0.1"]]) { lab in
            let answer = try lab.ask("CONNECT upstream.test:\(port) HTTP/1.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 502 "))
            #expect(try lab.ask("CONNECT nowhere.test:80 HTTP/1.1\r\n\r\n").contains("could not be resolved"))
            // The second of two addresses is tried when the first takes nothing.
            let upstream = try Upstream.web()
            defer { upstream.stop() }
            #expect(try lab.ask("GET http://two.test:\(upstream.port)/ HTTP/1.1\r\n\r\n").hasSuffix("ok"))
        }
        let slow = NameResolver { name in
            usleep(600_000)
            return name == "upstream.test" ? [.v4(0x7F00_0001)] : []
        }
        try await EgressLab.with(resolver: slow) { rules in
            rules.connectMilliseconds = 200
        } _: { lab in
            let answer = try lab.ask("CONNECT upstream.test:\(port) HTTP/1.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 504 "))
        }
    }

    @Test("a socket left by a killed daemon is replaced; any other file and a path too long are not")
    func starts() async throws {
        try await EgressLab.with { lab in
            let rules = try EgressRules(domains: ["*"])
            let second = try await EgressProxy.start(socketPath: lab.path, rules: rules)
            await second.stop()
            await second.stop()
            let file = Scratch.path("file")
            _ = close(creat(file, 0o600))
            for path in [file, Scratch.path(String(repeating: "x", count: 108)), "/nowhere/socket"] {
                await #expect(throws: EgressProblem.self) {
                    try await EgressProxy.start(socketPath: path, rules: rules)
                }
            }
            #expect(access(file, F_OK) == 0)
        }
    }
}
