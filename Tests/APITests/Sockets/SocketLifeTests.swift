import API
import Bus
import Bytes
import Foundation
import Support
import Testing

@Suite("The life of a socket", .timeLimit(.minutes(2)), .tags(.timed))
struct SocketLifeTests {
    private typealias Raw = RawWebSocket

    @Test("it is pinged, and closed when the client doesn't answer")
    func pings() async throws {
        try await TestServer.sockets { server async throws in
            let ended = server.dependencies.bus.subscribe("probe ended")
            try await offThread { [port = server.port] in
                let client = try Raw.open(port: port, "/sockets/quick")
                for _ in 0..<5 {
                    let ping = client.next()
                    #expect(ping?.first == 0x89)
                    client.say(Raw.frame(10, ping?.payload ?? []))
                }
                client.say(Raw.text("alive"))
                var frames: [Raw.Frame] = []
                while let frame = client.next() { frames.append(frame) }
                #expect(frames.first { $0.opcode == 1 } == .text("alive"))
                // Messages are no answer. Nor is the close answered here; the server waits for that half a second.
                #expect(frames.last?.code == 1008 && frames.last?.reason == "no answer to a ping")
                #expect(frames.count { $0.opcode == 9 } <= 2)
            }
            #expect(await ended.wait(for: .seconds(10)) == .published)
        }
    }

    @Test(
        "when the client is gone without a close, in whatever way, its handler ends",
        arguments: ["reset", "end", "half"])
    func gone(how: String) async throws {
        try await TestServer.sockets { server async throws in
            let ended = server.dependencies.bus.subscribe("probe ended")
            try await offThread { [port = server.port] in
                let client = try Raw.open(port: port)
                client.say(Array(Raw.text("half a frame").dropLast(3)))
                switch how {
                case "reset": client.socket.reset()
                case "half":
                    client.socket.fallSilent()
                    #expect(client.next() == nil)
                default: break
                }
            }
            #expect(await ended.wait(for: .seconds(10)) == .published)
            try await eventually("it is counted") {
                try await server.metric("hatchfarm_socket_closes_total{code=\"1006\"}") == 1
            }
            #expect(try await server.metric("hatchfarm_sockets_open") == 0)
        }
    }

    @Test("the handler's end closes it: with 1000, or the code and the words of what was thrown")
    func endings() async throws {
        let pipe = try LogPipe()
        try await TestServer.sockets(sink: LogSink(descriptor: pipe.writer)) { server async throws in
            for (word, code, reason) in [
                ("return", 1000, ""), ("close", 1000, String(repeating: "é", count: 61)),
                ("refuse", 1008, "Could not validate credentials"), ("expire", 1008, "the credential has expired"),
                ("busy", 1013, "the database is busy"),
                ("fail", 1011, "something went wrong on our side; the request id names it in our log"),
            ] {
                let frames = try await offThread { [port = server.port] in
                    let client = try Raw.open(port: port)
                    client.say(Raw.text(word))
                    return client.rest()
                }
                #expect(frames.count == 1 && frames.last?.code == code, "\(word): \(frames)")
                #expect(frames.last?.reason == reason, "\(word)")
            }
            try await eventually("they are counted") {
                try await server.metric("hatchfarm_socket_closes_total{code=\"1008\"}") == 2
            }
        }
    }

    @Test("a client that doesn't close in turn is hung up on")
    func deadline() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                let client = try Raw.open(port: port, "/sockets/quick")
                client.say(Raw.text("return"))
                let start = World.live.monotonic()
                var last: Raw.Frame?
                while let frame = client.next() {
                    last = frame
                    client.say(Raw.text("deaf"))
                }
                #expect(last?.code == 1000)
                #expect((300..<5_000).contains(World.live.monotonic() - start))
            }
        }
    }

    @Test("HTTP's patience with an idle connection is not for it")
    func idle() async throws {
        let configuration = AppConfiguration.probe { configuration in
            configuration.addressRate = .unlimited
            configuration.idleTimeoutSeconds = 1
        }
        try await TestServer.sockets(configuration) { server async throws in
            try await offThread { [port = server.port] in
                let client = try Raw.open(port: port)
                Thread.sleep(forTimeInterval: 2.5)
                client.say(Raw.text("still here"))
                #expect(client.next() == .text("still here"))
            }
        }
    }

    @Test("a client that sends too much is told, then closed; one that stops in time is not")
    func floods() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                let flood = try Raw.open(port: port)
                flood.say((0..<1_000).flatMap { _ in Raw.text("x") })
                let frames = flood.rest()
                #expect((20..<30).contains(frames.count { $0 == .text("x") }))
                #expect(frames.count { $0 == .text(#"{"type":"error","code":"RATE_LIMITED"}"#) } == 1)
                #expect(frames.last?.code == 1008 && frames.last?.reason == "too many messages")

                let eager = try Raw.open(port: port)
                eager.say((0..<30).flatMap { _ in Raw.text("x") })
                var heard: [String] = []
                while heard.last?.contains("RATE_LIMITED") != true, let frame = eager.next() {
                    heard.append(frame.text)
                }
                #expect(heard.last?.contains("RATE_LIMITED") == true)
                Thread.sleep(forTimeInterval: 0.5)
                eager.say(Raw.text("patient now"))
                #expect(eager.next() == .text("patient now"))
            }
        }
    }

    @Test("a client that doesn't read is closed with 1013, and costs no more than the queue")
    func slowReaders() async throws {
        try await TestServer.sockets { server async throws in
            let ended = server.dependencies.bus.subscribe("probe ended")
            let client = try await offThread { [port = server.port] in
                let client = try Raw.open(port: port)
                client.say(Raw.text("pour"))
                return client
            }
            #expect(await ended.wait(for: .seconds(20)) == .published)
            let frames = try await offThread { client.rest() }
            #expect(
                frames.last?.code == 1013 && frames.last?.reason == "reads too slowly",
                "\(frames.count) \(frames.last?.code ?? 0)")
            // The rest is what the kernel holds.
            #expect(frames.count * 32_768 < 32 << 20)
        }
    }

    @Test("a handler that doesn't keep up slows its client down")
    func backpressure() async throws {
        try await TestServer.sockets { server async throws in
            let payload = String(repeating: "y", count: 60_000)
            let client = try await offThread { [port = server.port] in try Raw.open(port: port, "/sockets/held") }
            let sending = Task {
                try await offThread {
                    for _ in 0..<300 { client.say(Raw.text(payload)) }
                    client.say(Raw.text("done"))
                    return client.next()
                }
            }
            try await World.live.sleep(.milliseconds(500))
            let received = try await server.metric("hatchfarm_socket_messages_total{direction=\"in\"}")
            #expect((1..<50).contains(received ?? 0), "\(received ?? 0)")
            server.dependencies.bus.publish("go")
            #expect(try await sending.value?.text == #"{"count":300,"bytes":18000000}"#)
        }
    }
}

@Suite("Sockets and the rest of the server", .timeLimit(.minutes(2)))
struct SocketServerTests {
    private typealias Raw = RawWebSocket

    @Test("what is published reaches every socket that follows it, between the client's messages")
    func fanOut() async throws {
        try await TestServer.sockets { server async throws in
            let bus = server.dependencies.bus
            let clients = try await offThread { [port = server.port] in
                try (0..<10).map { _ in
                    let client = try Raw.open(port: port)
                    client.say(Raw.text("follow"), Raw.text("hello"))
                    // The first comes at once: look, then wait.
                    let first = [client.next(), client.next()].compactMap { $0?.text }.sorted()
                    #expect(first == ["hello", "published probe"])
                    return client
                }
            }
            for number in 0..<3 {
                bus.publish("probe")
                try await offThread {
                    for client in clients {
                        #expect(client.next() == .text("published probe"))
                        client.say(Raw.text("\(number)"))
                        #expect(client.next() == .text("\(number)"))
                    }
                }
            }
            #expect(try await server.metric("hatchfarm_sockets_open") == 10)
            try await offThread {
                for client in clients {
                    client.say(Raw.close(1000))
                    #expect(client.rest().count == 1)
                }
            }
            try await eventually("nobody listens any more") { bus.topicCount == 0 }
        }
    }

    @Test("and what is not published is looked at all the same, again and again")
    func interval() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                let client = try Raw.open(port: port)
                client.say(Raw.text("follow often"))
                for _ in 0..<5 { #expect(client.next() == .text("published probe")) }
            }
        }
    }

    @Test("the shutdown closes them with 1001, and is not kept waiting by one that doesn't answer")
    func shutdown() async throws {
        let start = World.live.monotonic()
        try await TestServer.sockets { server async throws in
            let (good, deaf) = try await offThread { [port = server.port] in
                (try Raw.open(port: port), try Raw.open(port: port, "/sockets/quick"))
            }
            await server.shutDown()
            try await offThread {
                for client in [good, deaf] {
                    var frame = client.next()
                    while frame?.opcode == 9 { frame = client.next() }
                    #expect(frame?.code == 1001 && frame?.reason == "shutting down")
                }
                good.say(Raw.close(1001))
                #expect(good.next() == nil)
            }
        }
        #expect(World.live.monotonic() - start < 8_000)
    }

    @Test("what came before the shutdown is still handled")
    func lastMessages() async throws {
        try await TestServer.sockets { server async throws in
            let client = try await offThread { [port = server.port] in
                let client = try Raw.open(port: port)
                client.say(Raw.text("first"), Raw.text("think"), Raw.text("last"))
                #expect(client.next() == .text("first"))
                return client
            }
            await server.shutDown()
            let frames = try await offThread { client.rest() }
            #expect(frames.first == .text("last") && frames.last?.code == 1001 && frames.count == 2)
        }
    }

    @Test("before the shutdown, while others are told of it, none is opened and those that are go on")
    func notice() async throws {
        let configuration = AppConfiguration.probe { $0.drainNoticeMilliseconds = 1_500 }
        try await TestServer.sockets(configuration) { server async throws in
            let client = try await offThread { [port = server.port] in try Raw.open(port: port) }
            await server.shutDown()
            try await eventually("it drains") { try await server.get("/readyz").status == 503 }
            try await offThread { [port = server.port] in
                let reply = try Raw(port: port).refusal()
                #expect(reply.status == 503 && reply["Retry-After"] != nil)
                client.say(Raw.text("still"))
                #expect(client.next() == .text("still"))
                #expect(client.next()?.code == 1001)
            }
        }
    }

    @Test("they count among the connections of their address")
    func connections() async throws {
        let configuration = AppConfiguration.probe { configuration in
            configuration.addressRate = .unlimited
            configuration.connectionsPerAddress = 5
        }
        try await TestServer.sockets(configuration) { server async throws in
            for _ in 0..<3 {
                try await eventually("there is room") {
                    try await offThread { [port = server.port] in
                        let clients = (0..<5).compactMap { _ in try? Raw.open(port: port) }
                        guard clients.count == 5 else { return false }
                        let next = try Raw(port: port)
                        #expect(next.reply.status == 0)
                        return true
                    }
                }
            }
        }
    }
}
