import API
import Bytes
import Testing

@Suite("Every request", .timeLimit(.minutes(1)))
struct RequestTests {
    @Test("has an id: the client's own if it is well formed, else a new one")
    func ids() async throws {
        try await TestServer.run { server async throws in
            let kept = try await server.get("/hatch/open", [("X-Request-ID", "a-B_9.z")])
            #expect(kept["X-Request-ID"] == "a-B_9.z")
            #expect(try kept.json["id"] == "a-B_9.z")
            var seen: Set<String> = []
            for wrong in ["", "a b", "a;b", String(repeating: "a", count: 129), "ä"] {
                let made = try #require(try await server.get("/nothing", [("X-Request-ID", wrong)])["X-Request-ID"])
                #expect(Hex.isHex(made, lengths: 16...16))
                #expect(seen.insert(made).inserted)
            }
        }
    }

    @Test("is answered with the security headers, errors too")
    func securityHeaders() async throws {
        try await TestServer.run { server async throws in
            for path in ["/health", "/hatch/open", "/nothing", "/hatch/fails/bug"] {
                let answer = try await server.get(path)
                #expect(answer["X-Content-Type-Options"] == "nosniff")
                #expect(answer["X-Frame-Options"] == "DENY")
                #expect(answer["Referrer-Policy"] == "no-referrer")
                #expect(answer["Content-Security-Policy"]?.contains("default-src 'none'") == true)
                #expect(answer["Cache-Control"] == "no-store")
                #expect(answer["Date"]?.hasSuffix(" GMT") == true)
            }
        }
    }

    @Test("must come by HTTPS when that is required, except for /health; a proxy's word counts if it is trusted")
    func requireHTTPS() async throws {
        try await TestServer.run(.probe { $0.requireHTTPS = true }) { server async throws in
            #expect(try await server.get("/health").status == 200)
            for path in ["/hatch/open", "/readyz", "/nothing"] {
                #expect(try await server.get(path).status == 426)
                #expect(try await server.get(path, [("X-Forwarded-Proto", "https")]).status == 426)
            }
            let steel = try await server.get("/steel/open")
            #expect(try steel.json["error"]?["code"] == 426)
        }
        try await TestServer.run(
            .probe {
                $0.requireHTTPS = true
                $0.trustProxyHeaders = true
            }
        ) { server async throws in
            #expect(try await server.get("/hatch/open", [("X-Forwarded-Proto", "https")]).status == 200)
            #expect(try await server.get("/hatch/open", [("X-Forwarded-Proto", "http")]).status == 426)
        }
    }

    @Test("from a page is allowed to the configured origins only")
    func origins() async throws {
        try await TestServer.run(
            .probe {
                $0.addressRate = .unlimited
                $0.allowedOrigins = ["https://good.example"]
            }
        ) { server async throws in
            let good = try await server.get("/hatch/open", [("Origin", "https://good.example")])
            #expect(good["Access-Control-Allow-Origin"] == "https://good.example")
            #expect(good["Vary"] == "Origin")
            let bad = try await server.get("/hatch/open", [("Origin", "https://bad.example")])
            #expect(bad["Access-Control-Allow-Origin"] == nil)
            let preflight = try await server.send(
                .OPTIONS, "/hatch/things/1",
                [("Origin", "https://good.example"), ("Access-Control-Request-Method", "DELETE")])
            #expect(preflight.status == 204)
            #expect(preflight["Access-Control-Allow-Methods"] == "DELETE, GET, HEAD")
            let stranger = try await server.send(
                .OPTIONS, "/hatch/things/1",
                [("Origin", "https://bad.example"), ("Access-Control-Request-Method", "DELETE")])
            #expect(stranger.status == 405)
        }
    }

    @Test("may page through a list; a limit or cursor that is none is refused by name")
    func pages() async throws {
        try await TestServer.run { server async throws in
            let first = try await server.get("/hatch/list")
            #expect(try first.json["items"]?.array?.first?["limit"] == 50)
            let cursor = try #require(try first.json["next_cursor"]?.string)
            let next = try await server.get("/hatch/list?limit=7&cursor=\(cursor)")
            #expect(try next.json["items"]?.array?.first == ["limit": 7, "after": "id-7"])
            // The query's escapes are undone.
            let escaped = try await server.get("/hatch/list?q=a%2Bb")
            let plus = try #require(try escaped.json["next_cursor"]?.string)
            let after = try await server.get("/hatch/list?cursor=\(plus)")
            #expect(try after.json["items"]?.array?.first?["after"] == "a+b")
            for (query, field) in [
                ("limit=0", "limit"), ("limit=101", "limit"), ("limit=1.0", "limit"), ("limit=", "limit"),
                ("limit=99999999999999999999", "limit"), ("limit=-99999999999999999999", "limit"),
                ("cursor=", "cursor"), ("cursor=%00", "cursor"), ("cursor=a", "cursor"), ("cursor=AAAA", "cursor"),
            ] {
                let hatch = try await server.get("/hatch/list?\(query)")
                #expect(hatch.status == 400, "\(query)")
                #expect(try hatch.json["field"]?.string == field, "\(query)")
                #expect(try await server.get("/steel/list?\(query)").status == 422, "\(query)")
            }
        }
    }

    @Test("that knows the ETag gets a 304 without a body")
    func tags() async throws {
        try await TestServer.run { server async throws in
            let first = try await server.get("/hatch/tagged")
            let digest = SHA256.hex(#"{"a": [1, 2], "b": "\u00e9"}"#)
            #expect(first["ETag"] == "\"\(digest)\"")
            #expect(first["Vary"] == "Authorization, X-Owner-ID")
            for known in ["\"\(digest)\"", digest, "W/\"\(digest)\"", "\"x\", \"\(digest)\"", "*"] {
                let answer = try await server.get("/hatch/tagged", [("If-None-Match", known)])
                #expect(answer.status == 304, "\(known)")
                #expect(answer.body.isEmpty)
                #expect(answer["ETag"] == first["ETag"])
            }
            #expect(try await server.get("/hatch/tagged", [("If-None-Match", "\"x\"")]).status == 200)
        }
    }

    @Test("is counted and timed by route, and shown as text and as JSON")
    func metrics() async throws {
        try await TestServer.run { server async throws in
            for _ in 0..<3 { _ = try await server.get("/hatch/things/1") }
            _ = try await server.get("/nothing")
            let text = try await server.get("/metrics", server.asOperator).text
            #expect(
                text.contains(
                    #"hatchfarm_http_requests_total{method="GET",route="/hatch/things/{id}",status="200"} 3"#))
            #expect(text.contains(#"hatchfarm_http_requests_total{method="none",route="none",status="404"} 1"#))
            #expect(text.contains(#"hatchfarm_dependency_up{name="database"} 1"#))
            #expect(text.contains(#"route="/hatch/things/{id}",le="+Inf"} 3"#))
            let families = try #require(try await server.get("/metrics.json", server.asOperator).json["metrics"]?.array)
            #expect(families.contains { $0["name"] == "hatchfarm_http_requests_total" })
        }
    }

    @Test("is logged when it comes, and so is its reply, both without the query")
    func log() async throws {
        let pipe = try LogPipe()
        try await TestServer.run(sink: LogSink(descriptor: pipe.writer)) { server async throws in
            _ = try await server.get("/hatch/things/7?token=secret", [("X-Request-ID", "line-1")])
        }
        for message: JSON in ["request", "reply"] {
            let line = try JSON(parsing: Array(pipe.nextLine().utf8))
            #expect(line["message"] == message && line["level"] == "info")
            #expect(line["request"] == "line-1")
            #expect(line["path"] == "/hatch/things/7")
            #expect(line["operation"] == (message == "reply" ? "hatchThing" : nil))
            #expect(line["status"] == (message == "reply" ? 200 : nil))
            #expect(!line.text().contains("secret"))
        }
    }

    @Test("is served while nobody reads the log")
    func stuckLog() async throws {
        let pipe = try LogPipe()
        try await TestServer.run(sink: LogSink(descriptor: pipe.writer, capacity: 10_000)) { server async throws in
            for _ in 0..<800 { #expect(try await server.get("/hatch/open").status == 200) }
        }
    }
}
