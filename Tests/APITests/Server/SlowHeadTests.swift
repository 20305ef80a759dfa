import API
import Glibc
import Testing

@Suite("A head that takes its time", .timeLimit(.minutes(1)))
struct SlowHeadTests {
    private static let request = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    private static let configuration = AppConfiguration.probe { $0.headTimeoutMilliseconds = 400 }

    @Test("has ten seconds, as the promises say")
    func standard() { #expect(AppConfiguration(operatorToken: "").headTimeoutMilliseconds == 10_000) }

    @Test("is refused, however it drips, also behind a request that was served")
    func drips() async throws {
        try await TestServer.run(Self.configuration) { server async throws in
            let port = server.port
            for first in ["", Self.request] {
                let reply = try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say(first)
                    if !first.isEmpty { _ = socket.some() }
                    for byte in Array("GET /health HTTP/1.1".utf8) {
                        socket.say([byte])
                        usleep(30_000)
                    }
                    return socket.rest()
                }
                #expect(reply.status == 408, "\(reply.text)")
                #expect(reply.text.contains("within 400 ms") && reply["Connection"] == "close")
            }
            let metrics = try await server.get("/metrics", server.asOperator).text
            #expect(metrics.contains(#"hatchfarm_connections_ended_total{limit="slow_head"} 2"#), "\(metrics)")
        }
    }

    @Test("leaves a quiet connection, a slow body and a long answer alone")
    func others() async throws {
        try await TestServer.run(Self.configuration) { server async throws in
            let port = server.port
            let quiet = try await offThread {
                let socket = try RawSocket(port: port)
                usleep(700_000)
                var answers = ""
                for _ in 0..<2 {
                    socket.say(Self.request)
                    answers += String(decoding: socket.some(), as: UTF8.self)
                    usleep(700_000)
                }
                return answers
            }
            #expect(quiet.ranges(of: "HTTP/1.1 200").count == 2)
            let slow = try await offThread {
                let socket = try RawSocket(port: port)
                socket.say(
                    "POST /hatch/echo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(TestServer.operatorToken)\r\n"
                        + "X-Owner-ID: alice\r\nContent-Length: 13\r\nConnection: close\r\n\r\n")
                for byte in Array(#"{"title":"a"}"#.utf8) {
                    socket.say([byte])
                    usleep(60_000)
                }
                return socket.rest()
            }
            #expect(slow.status == 201, "\(slow.text)")
        }
    }
}
