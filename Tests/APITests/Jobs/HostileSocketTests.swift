import API
import Bytes
import Support
import Testing

@Suite("Connections that mean no good", .timeLimit(.minutes(2)), .tags(.timed))
struct HostileSocketTests {
    private static let job = #"{"title":"t","command":"true"}"#

    /// A request of alice's to submit a job.
    private static func submit(_ headers: String, _ body: String = job) -> String {
        "POST /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(ControlPlane.operatorToken)\r\n"
            + "X-Owner-ID: alice\r\n\(headers)\r\n\r\n\(body)"
    }

    private static let whole = submit("Content-Length: \(job.utf8.count)\r\nConnection: close")

    /// No job is there, and the server serves.
    private func nothingHappened(_ plane: ControlPlane) async throws {
        #expect(try await plane.get("/jobs", .alice).ids.isEmpty)
        #expect(try await plane.send("GET", "/health", base: "").status == 200)
    }

    @Test("and stop half way have done nothing", arguments: TestDatabase.all)
    func halfRequests(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let port = plane.port
            try await offThread {
                for (number, length) in stride(from: 1, to: Self.whole.utf8.count, by: 7).enumerated() {
                    let socket = try RawSocket(port: port)
                    socket.say(Array(Self.whole.utf8.prefix(length)))
                    switch number % 3 {
                    case 0: socket.reset()
                    case 1: socket.fallSilent()
                    default: break
                    }
                }
            }
            // What is whole is a job still: the others were not.
            let reply = try await offThread {
                let socket = try RawSocket(port: port)
                socket.say(
                    Self.submit(
                        "Content-Length: 30\r\nConnection: close",
                        "{\"title\":\"\"}" + String(repeating: " ", count: 18)))
                return socket.rest()
            }
            #expect(reply.status == 422)
            try await nothingHappened(plane)
        }
    }

    @Test("lie about the length of what they send", arguments: [TestDatabase.sqlite])
    func lengths(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let port = plane.port
            for headers in [
                "Content-Length: 31", "Content-Length: 4000000000", "Content-Length: -1", "Content-Length: +30",
                "Content-Length: 0x1e", "Content-Length: 99999999999999999999999", "Content-Length: 1e1",
                "Content-Length: 30, 30, 31", "Content-Length: 30\r\nContent-Length: 31", "Content-Length:",
                "Content-Length: 30\r\nTransfer-Encoding: chunked",
                "Transfer-Encoding: gzip, chunked\r\nContent-Length: 30",
                "Transfer-Encoding: identity", "Transfer-Encoding: chunked, identity", "Content-Length : 30",
                "Transfer-Encoding: xchunked", "Content-Length: 30\r\n X: folded\r\nContent-Length: 2",
                "Content-Length: 12", "Content-Length: 0",
            ] {
                let reply = try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say(Self.submit(headers))
                    socket.fallSilent()
                    return socket.rest()
                }
                #expect(reply.status == 0 || (400..<500).contains(reply.status), "\(headers): \(reply.text)")
                // What can't be read as a request has a name all the same.
                let isNamed = reply.text.lowercased().contains("x-request-id: ")
                #expect(reply.status == 0 || isNamed, "\(headers): \(reply.text)")
                try await nothingHappened(plane)
            }
        }
    }

    @Test("send chunks that are none", arguments: [TestDatabase.sqlite])
    func chunks(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let port = plane.port
            @Sendable func send(_ body: String) async throws -> RawReply {
                try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say(Self.submit("Transfer-Encoding: chunked\r\nConnection: close", body))
                    socket.fallSilent()
                    return socket.rest()
                }
            }
            let job = Self.job
            for body in [
                "ZZ\r\n\(job)\r\n0\r\n\r\n", "-1\r\n\(job)\r\n0\r\n\r\n", "1E\r\n\(job)0\r\n\r\n",
                "1F\r\n\(job)\r\n0\r\n\r\n",
                "FFFFFFFFFFFFFFFFF\r\n\(job)\r\n0\r\n\r\n", "7FFFFFFFFFFFFFFF\r\n\(job)\r\n0\r\n\r\n",
                "1E\r\n\(job)\r\n",
                "\r\n\r\n", "0x1E\r\n\(job)\r\n0\r\n\r\n", "1E \(job)\r\n0\r\n\r\n", "1D\r\n\(job)\r\n0\r\n\r\n",
                "0\r\n\r\n",
                "1E\r\n\(job)\r\n0\r\nnot a trailer\r\n\r\n",
            ] {
                let reply = try await send(body)
                #expect(reply.status == 0 || (400..<500).contains(reply.status), "\(body): \(reply.text)")
                try await nothingHappened(plane)
            }
            let single = job.map { "1;ext=\"x\"\r\n\($0)\r\n" }.joined()
            let large = "10000\r\n\(String(repeating: " ", count: 65_536))\r\n"
            #expect(try await send(String(repeating: large, count: 17) + "0\r\n\r\n").status == 413)
            try await nothingHappened(plane)
            #expect(try await send(single + "0\r\nX-Trailer: y\r\n\r\n").status == 201, "a byte at a time is honest")
        }
    }

    @Test("talk nonsense, before or after a good request", arguments: [TestDatabase.sqlite])
    func nonsense(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let port = plane.port
            let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            let long = String(repeating: "a", count: 20_000)
            for text in [
                "\u{0}\u{0}\u{0}\u{0}\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /health\r\n\r\n",
                "\r\n\r\n\r\n\r\n",
                "GET /health HTTP/3.0\r\n\r\n", "get /health HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET  /health HTTP/1.1\r\n\r\n",
                "HACK /health HTTP/1.1\r\nHost: x\r\n\r\n", "GET /health HTTP/1.1\r\nHost x\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: x\r\nX: a\u{0}b\r\n\r\n", "GET /health HTTP/1.1\r\n: x\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n", "GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: x\r\nX: \(long)\r\n\r\n",
                "GET /health?\(long) HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /health HTTP/1.1\r\nHost: x\r\n" + (0..<200).map { "X\($0): y\r\n" }.joined() + "\r\n",
                "GET /health HTTP/1.1\r\nHost: x\r\nX: \u{1}\u{7F}\r\n\r\n",
                "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
                "GET /hea\u{1}lth HTTP/1.1\r\nHost: x\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\r\n\r\n",
            ] {
                for before in ["", health] {
                    let reply = try await offThread {
                        let socket = try RawSocket(port: port)
                        socket.say(before + text + Self.whole)
                        socket.fallSilent()
                        return socket.rest()
                    }
                    #expect(before.isEmpty || reply.status == 200, "\(text.prefix(40))")
                    #expect(!reply.text.contains("HTTP/1.1 5"), "\(text.prefix(40)): \(reply.text)")
                    // What follows nonsense may be taken for a request only where the nonsense was one.
                    if reply.text.contains("HTTP/1.1 201") {
                        for id in try await plane.get("/jobs", .alice).ids {
                            _ = try await plane.send("DELETE", "/jobs/\(id)", Caller.alice.headers)
                        }
                    }
                }
            }
            #expect(try await plane.send("GET", "/health", base: "").status == 200)
        }
    }

    @Test("and speak slowly keep nobody else waiting", arguments: TestDatabase.all)
    func slow(on database: TestDatabase) async throws {
        try await ControlPlane.run(database) { plane in
            let port = plane.port
            let slow = try await offThread {
                try (0..<60).map { number in
                    let socket = try RawSocket(port: port)
                    socket.say(Array(Self.whole.utf8.prefix(min(number * 4, Self.whole.utf8.count - 1))))
                    return socket
                }
            }
            for _ in 0..<20 {
                let start = World.live.monotonic()
                #expect(
                    try await plane.send("POST", "/jobs", Caller.alice.headers, bytes: Array(Self.job.utf8)).status
                        == 201)
                #expect(World.live.monotonic() - start < 5_000)
                for socket in slow { socket.say("x") }
            }
            #expect(try await plane.get("/jobs", .alice).ids.count == 20)
        }
    }

    @Test("come and go without leaving anything behind", arguments: TestDatabase.all)
    func dropped(on database: TestDatabase) async throws {
        try await ControlPlane.run(database, .set(\.connectionsPerAddress, 60)) { plane in
            let (port, id) = (plane.port, try await plane.job(["command": .null]))
            let events =
                "GET /api/v1/jobs/\(id)/events HTTP/1.1\r\nHost: x\r\nX-Owner-ID: alice\r\n"
                + "Authorization: Bearer \(ControlPlane.operatorToken)\r\n\r\n"
            for _ in 0..<5 {
                try await offThread {
                    let sockets = try (0..<50).map { _ in try RawSocket(port: port) }
                    for (number, socket) in sockets.enumerated() {
                        switch number % 5 {
                        case 0: break
                        case 1: socket.say("GET /health HT")
                        case 2: socket.say(events)
                        case 3: socket.say(Self.submit("Content-Length: 1000"))
                        default: socket.say("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
                        }
                        if number % 2 == 0 { socket.reset() }
                    }
                    // Those who ask for events are heard before they go.
                    for (number, socket) in sockets.enumerated() where number % 5 == 2 { _ = socket.some() }
                }
                // Each address may have so many connections: those of the last round have been let go.
                try await eventually("the server is free again") {
                    try await offThread {
                        let sockets = try (0..<40).map { _ in try RawSocket(port: port) }
                        for socket in sockets {
                            socket.say("GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        }
                        return sockets.allSatisfy { $0.rest().status == 200 }
                    }
                }
            }
            #expect(try await plane.get("/jobs", .alice).ids == [id])
        }
    }
}
