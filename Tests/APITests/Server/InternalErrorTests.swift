import API
import AsyncHTTPClient
import Bus
import Bytes
import Engine
import Logging
import NIOCore
import NIOHTTP1
import Store
import Support
import Testing

@Suite("A bug of ours behind a request", .timeLimit(.minutes(1)))
struct InternalErrorTests {
    private func count(_ server: TestServer) async throws -> String? {
        let metrics = try await server.get("/metrics", server.asOperator).text
        return metrics.firstMatch(of: #/\nhatchfarm_internal_errors_total (\d+)\n/#).map { String($0.output.1) }
    }

    @Test("what was written is undone, the caller gets a 500, and the log names the request")
    func undone() async throws {
        let pipe = try LogPipe()
        let sink = LogSink(descriptor: pipe.writer)
        let logger = Logger(label: "api") { JSONLogHandler(label: $0, level: .error, sink: sink) }
        try await TestServer.run(logger: logger) { server async throws in
            let answer = try await server.get("/hatch/fails/written", [("X-Request-ID", "bug-1")])
            #expect(answer.status == 500)
            #expect(try answer.json["code"] == "internal")
            #expect(!answer.text.contains("secret"))
            let machines = try await server.dependencies.database.read { tx in
                try tx.first("SELECT COUNT(*) FROM machines") { try $0.integer() }
            }
            #expect(machines == 0)
            let line = try JSON(parsing: Array(pipe.nextLine().utf8))
            #expect(line["level"] == "error")
            #expect(line["request"] == "bug-1" && line["path"] == "/hatch/fails/written")
            #expect(line["error"]?.string?.hasPrefix("secret internals (") == true)
        }
    }

    @Test("each is counted, and nothing else is")
    func counted() async throws {
        try await TestServer.run { server async throws in
            for how in ["busy", "away", "full", "unknown", "nul", "redis", "refusal", "field", "other"] {
                _ = try await server.get("/hatch/fails/\(how)")
            }
            #expect(server.dependencies.broker.internalErrors.count == 0)
            for how in ["written", "bug", "parameter"] {
                #expect(try await server.get("/steel/fails/\(how)").status == 500, "\(how)")
            }
            #expect(try await count(server) == "3")
        }
    }

    @Test("in a stream it ends the stream, and is counted")
    func stream() async throws {
        try await TestServer.run { server async throws in
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: server.url + "/hatch/breaks"), timeout: .seconds(30))
            #expect(response.status == .ok)
            await #expect(throws: (any Error).self) { _ = try await response.body.collect(upTo: 1_000) }
            try await eventually("it is counted") { server.dependencies.broker.internalErrors.count == 1 }
        }
    }

    @Test("a client who hangs up in the middle of a stream is none")
    func hangUp() async throws {
        try await TestServer.run { server async throws in
            let port = server.port
            for _ in 0..<5 {
                try await server.waitFor("probe sent 1") {
                    try await offThread {
                        let socket = try RawSocket(port: port)
                        socket.say("GET /hatch/events HTTP/1.1\r\nHost: x\r\n\r\n")
                        _ = socket.some()
                    }
                }
            }
            // The streams have seen it when no request but the one that asks is under way.
            try await eventually("the streams have ended") {
                server.dependencies.bus.publish("probe")
                return try await server.get("/metrics", server.asOperator).text
                    .contains("hatchfarm_http_requests_under_way 1\n")
            }
            #expect(try await count(server) == "0")
        }
    }
}
