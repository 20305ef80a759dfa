import API
import AsyncHTTPClient
import Bus
import Bytes
import NIOCore
import NIOHTTP1
import Support
import Testing

@Suite("Streams", .timeLimit(.minutes(1)))
struct StreamTests {
    @Test("events arrive one by one, as they happen")
    func events() async throws {
        try await TestServer.run { server async throws in
            let response = try await HTTPClient.shared.execute(
                HTTPClientRequest(url: server.url + "/hatch/events"), timeout: .seconds(30))
            #expect(response.headers["Content-Type"].first == "text/event-stream")
            var text = ""
            var published = 1
            for try await piece in response.body {
                text += String(buffer: piece)
                if text.contains("id: \(published)\n") {
                    published += 1
                    server.dependencies.bus.publish("probe")
                }
            }
            let expected = (1...3).map { "id: \($0)\nevent: tick\ndata: {\"n\":\($0)}\ndata: x\n\n" }
            #expect(text == ":\n\n" + expected.joined())
        }
    }

    @Test("a HEAD of events tells their type and nothing more, and that the connection ends")
    func head() async throws {
        try await TestServer.run { server async throws in
            let port = server.port
            for ending in ["", "Connection: close\r\n"] {
                let reply = try await offThread {
                    let socket = try RawSocket(port: port)
                    socket.say("HEAD /hatch/events HTTP/1.1\r\nHost: x\r\n\(ending)\r\n")
                    return socket.rest()
                }
                #expect(reply.status == 200)
                #expect(reply["Content-Type"] == "text/event-stream")
                #expect(reply["X-Request-ID"] != nil)
                #expect(reply["Content-Length"] == nil)
                #expect(reply["Connection"] == "close")
                #expect(reply.text.hasSuffix("\r\n\r\n") && reply.body.isEmpty, "\(reply.text)")
            }
            // A client with a pool of connections goes on with another one.
            for _ in 0..<3 {
                #expect(try await server.send(.HEAD, "/hatch/events").body.isEmpty)
                #expect(try await server.get("/health").status == 200)
            }
        }
    }

    @Test("at the shutdown a long poll is answered and an event stream ends, at once")
    func shutdown() async throws {
        try await TestServer.run { server async throws in
            // Heard from before either begins.
            let (waits, sent) = (
                server.dependencies.bus.subscribe("probe waits"), server.dependencies.bus.subscribe("probe sent 1")
            )
            async let poll = server.get("/hatch/wait")
            _ = await waits.wait(for: .seconds(20))
            async let stream = server.get("/hatch/events")
            _ = await sent.wait(for: .seconds(20))
            let start = World.live.monotonic()
            await server.shutDown()
            #expect(try await poll.json["wake"] == "closed")
            #expect(try await stream.text.contains("id: 1\n"))
            #expect(World.live.monotonic() - start < 5_000)
        }
    }

    @Test("when it is told to end it says at once that it isn't ready, and still serves for the notice")
    func drain() async throws {
        try await TestServer.run(.probe { $0.drainNoticeMilliseconds = 5_000 }) { server async throws in
            #expect(try await server.get("/readyz").status == 200)
            await server.shutDown()
            try await eventually("it says so") { try await server.get("/readyz").status == 503 }
            let answer = try await server.get("/readyz")
            #expect(try answer.json["ready"] == false)
            #expect(try answer.json["errors"] == ["draining"])
            #expect(try await server.get("/hatch/free").status == 200)
        }
    }

    @Test("what it began before its end it finishes")
    func finishes() async throws {
        try await TestServer.run { server async throws in
            let sleeps = server.dependencies.bus.subscribe("probe sleeps")
            async let slow = server.get("/hatch/slow")
            _ = await sleeps.wait(for: .seconds(20))
            await server.shutDown()
            #expect(try await slow.status == 200)
        }
    }

    @Test("packed content is sent as it is to whoever takes zstd, and unpacked to others")
    func packed() async throws {
        try await TestServer.run { server async throws in
            let plain = try await server.get("/hatch/packed")
            #expect(plain.text == Probe.packedText)
            #expect(plain["Content-Length"] == String(Probe.packedText.utf8.count))
            let packed = try await server.get("/hatch/packed", [("Accept-Encoding", "gzip, zstd;q=0.5")])
            #expect(packed["Content-Encoding"] == "zstd")
            #expect(try Zstd.decompress(packed.body, limit: 1 << 20, ratio: .max) == plain.body)
            #expect(try await server.get("/hatch/packed", [("Accept-Encoding", "zstd;q=0")]).body == plain.body)
        }
    }

    @Test("a packed body is unpacked within the limit; bombs, damage and other codings are refused")
    func upload() async throws {
        try await TestServer.run { server async throws in
            func put(_ body: [UInt8], _ coding: String?) async throws -> Answer {
                let headers = server.asAlice + (coding.map { [("Content-Encoding", $0)] } ?? [])
                return try await server.send(.PUT, "/hatch/blob", headers, body: body)
            }
            let text = Array(Probe.packedText.utf8.prefix(90_000))
            let packed = try Zstd.compress(text)
            let good = try await put(packed, "zstd")
            #expect(try good.json["sha256"]?.string == SHA256.hex(text))
            #expect(try await put(text, nil).json["size"] == 90_000)
            #expect(try await put([], nil).json["size"] == 0)
            #expect(try await put([UInt8](repeating: 0, count: 100_001), nil).status == 413)
            #expect(try await put(try Zstd.compress([UInt8](repeating: 0, count: 10 << 20)), "zstd").status == 413)
            #expect(try await put(Array(packed.dropLast()), "zstd").status == 400)
            #expect(try await put(text, "zstd").status == 400)
            #expect(try await put(packed, "gzip").status == 415)
        }
    }
}
