import API
import Dispatch
import Glibc
import Testing

@Suite("Connections", .timeLimit(.minutes(1)))
struct ConnectionTests {
    /// A socket that says what it is told to.
    private final class Socket: Sendable {
        private let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)

        init(port: Int) {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(port).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            withUnsafePointer(to: &address) { pointer in
                _ = pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
        }

        deinit { close(descriptor) }

        func say(_ text: String) { _ = send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

        /// All that comes until the other end closes; waited for off Swift's threads, which the server needs.
        func rest() async -> String {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async { continuation.resume(returning: self.read()) }
            }
        }

        /// The first bytes that come.
        func first() async -> String {
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    var buffer = [UInt8](repeating: 0, count: 4_096)
                    let count = recv(self.descriptor, &buffer, buffer.count, 0)
                    continuation.resume(returning: String(decoding: buffer.prefix(max(0, count)), as: UTF8.self))
                }
            }
        }

        private func read() -> String {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 {
                bytes.append(contentsOf: buffer[..<count])
            }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    @Test("several requests in one packet are answered in order")
    func pipelining() async throws {
        try await TestServer.run { server async throws in
            let socket = Socket(port: server.port)
            socket.say("GET /hatch/things/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /hatch/things/2 HTTP/1.1\r\nHost: x\r\n\r\n")
            socket.say("GET http://x/hatch/things/3?a=b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let text = await socket.rest()
            let answers = ["{\"id\":\"1\"}", "{\"id\":\"2\"}", "{\"id\":\"3\"}"].map {
                text.firstRange(of: $0)?.lowerBound
            }
            #expect(answers == answers.compactMap(\.self).sorted().map(Optional.some))
            #expect(answers.count == 3)
        }
    }

    @Test("a path with a broken escape names nothing")
    func brokenEscapes() async throws {
        try await TestServer.run { server async throws in
            for path in ["/hatch/things/%zz", "/hatch/things/%", "/hatch/things/%4", "*", "hatch/open"] {
                let socket = Socket(port: server.port)
                socket.say("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let answer = await socket.rest()
                #expect(answer.hasPrefix("HTTP/1.1 40"), "\(path)")
            }
        }
    }

    private static let garbage = [
        "\u{16}\u{3}\u{1}hello\r\n\r\n", "GET\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "a", count: 20_000))\r\n\r\n",
        "POST /hatch/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ]

    @Test("what is no HTTP is refused and hung up on")
    func garbage() async throws {
        try await TestServer.run { server async throws in
            for text in Self.garbage {
                let socket = Socket(port: server.port)
                socket.say(text)
                let answer = await socket.rest()
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1.1 4"), "\(text.prefix(30)): \(answer.prefix(60))")
            }
            let health = try await server.get("/health")
            #expect(health.status == 200)
        }
    }

    @Test("an address gets so many connections and no more")
    func perAddress() async throws {
        try await TestServer.run(.probe { $0.connectionsPerAddress = 2 }) { server async throws in
            let first = Socket(port: server.port)
            let second = Socket(port: server.port)
            let request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
            for socket in [first, second] {
                socket.say(request)
                #expect(await socket.first().hasPrefix("HTTP/1.1 200"))
            }
            #expect(await Socket(port: server.port).rest().isEmpty)
        }
    }

    @Test("an idle connection is closed, one that sends its head slowly too")
    func idle() async throws {
        try await TestServer.run(.probe { $0.idleTimeoutSeconds = 1 }) { server async throws in
            #expect(await Socket(port: server.port).rest().isEmpty)
            let slow = Socket(port: server.port)
            slow.say("GET /health HTTP/1.1\r\nHost:")
            #expect(await slow.rest().isEmpty)
        }
    }

    @Test("a client that has said all it wants, and reads late, gets every answer whole")
    func lateReader() async throws {
        try await TestServer.run { server async throws in
            let port = server.port
            func answers(to count: Int, after pause: UInt32) async throws -> [UInt8] {
                try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say(String(repeating: "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n", count: count))
                    socket.fallSilent()
                    usleep(pause)
                    return socket.rest().bytes
                }
            }
            let one = try await answers(to: 1, after: 0).count
            // More than both ends' buffers hold.
            let count = (24 << 20) / one + 1
            #expect(try await answers(to: count, after: 500_000).count == count * one)
        }
    }

    @Test("a client that waits to be told may send its body")
    func expectContinue() async throws {
        try await TestServer.run { server async throws in
            let socket = Socket(port: server.port)
            socket.say(
                "POST /hatch/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.operatorToken)\r\n"
                    + "X-Owner-ID: alice\r\nContent-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
            socket.say(#"{"title":"a"}"#)
            let answer = await socket.rest()
            #expect(answer.hasPrefix("HTTP/1.1 100 Continue\r\n"))
            #expect(answer.contains("HTTP/1.1 201 Created\r\n"))
        }
    }
}
