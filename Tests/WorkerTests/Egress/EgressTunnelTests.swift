import Bytes
@testable import Egress
import Foundation
import Glibc
@testable import Support
import Support
import Synchronization
import Testing

@Suite("The way out of a sandbox: tunnels and limits", .timeLimit(.minutes(1)))
struct EgressTunnelTests {
    /// Not all zeros, so that lost and doubled pieces show.
    static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    }

    @Test("a tunnel carries bytes both ways, and each direction ends for itself")
    func halfClose() async throws {
        let (question, answer) = (Self.bytes(300_000), Self.bytes(1_000_000))
        let upstream = try Upstream { upstream, connection in
            upstream.hear(connection.toEnd())
            _ = connection.send(answer)
        }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            #expect(client.send(question))
            client.endOutput()
            #expect(client.toEnd() == answer)
            #expect(upstream.requests.count == 1)
            let usage = lab.proxy.usage
            #expect(usage == EgressUsage(sentBytes: 300_000, receivedBytes: 1_000_000, requestsAllowed: 1))
        }
    }

    @Test("a server that has said all still hears the client")
    func serverEndsFirst() async throws {
        let upstream = try Upstream { upstream, connection in
            _ = connection.say("hello")
            connection.endOutput()
            upstream.hear(connection.toEnd())
        }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.tunnel(upstream)
            #expect(client.toEnd() == Array("hello".utf8))
            let text = Self.bytes(200_000)
            #expect(client.send(text))
            client.close()
            try await eventually("the server has heard it") { upstream.requests.count == 1 }
            #expect(upstream.requests == [String(decoding: text, as: UTF8.self)])
        }
    }

    @Test("a tunnel that nobody used ends with its client, at once")
    func unused() async throws {
        let upstream = try Upstream { _, connection in _ = connection.toEnd() }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            client.endOutput()
            let start = World.live.monotonic()
            #expect(client.toEnd().isEmpty)
            #expect(World.live.monotonic() - start < 1_900)
        }
    }

    @Test("what a client says before the tunnel stands, and its end, get there", arguments: [0, 100, 30_000])
    func earlyBytes(count: Int) async throws {
        let upstream = try Upstream { _, connection in _ = connection.send(connection.toEnd()) }
        defer { upstream.stop() }
        let slow = NameResolver { _ in
            usleep(200_000)
            return [.v4(0x7F00_0001)]
        }
        try await EgressLab.with(resolver: slow) { lab in
            let client = try lab.connect()
            defer { client.close() }
            let early = Self.bytes(count)
            let request = Array("CONNECT upstream.test:\(upstream.port) HTTP/1.1\r\n\r\n".utf8)
            let start = World.live.monotonic()
            #expect(client.send(request + early))
            client.endOutput()
            let expected = Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8) + early
            #expect(client.toEnd() == expected)
            #expect(World.live.monotonic() - start < 1_900)
        }
    }

    @Test("a plain answer is whole also for a client that takes its time")
    func slowReader() async throws {
        let upstream = try Upstream.web("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 300_000))
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.connect()
            defer { client.close() }
            #expect(client.say("GET http://upstream.test:\(upstream.port)/ HTTP/1.1\r\n\r\n"))
            try await eventually("the server has said all") { upstream.requests.count == 1 && upstream.openCount == 0 }
            usleep(2_500_000)
            #expect(client.toEnd().count == 300_019)
        }
    }

    @Test("a client that doesn't read stops the server, and memory stays small")
    func backpressure() async throws {
        let upstream = try Upstream { _, connection in
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            for _ in 0..<64 where !connection.send(piece) { return }
        }
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            var last: Int64 = -1
            try await eventually("nothing moves any more") {
                defer { last = lab.proxy.usage.receivedBytes }
                usleep(100_000)
                return last > 0 && last == lab.proxy.usage.receivedBytes
            }
            #expect(last < 2 << 20)
            #expect(client.toEnd().count == 64 << 20)
        }
    }

    @Test("the limit of bytes counts both directions, to the byte", arguments: [999, 65_536, 1_000_000])
    func byteLimitReceived(limit: Int) async throws {
        let all = Self.bytes(2_000_000)
        let upstream = try Upstream { _, connection in
            _ = connection.exactly(99)
            _ = connection.send(all)
        }
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.bytes = Int64(limit)
        } _: { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            #expect(client.send(Self.bytes(99)))
            #expect(client.toEnd() == Array(all.prefix(limit - 99)))
            #expect(lab.proxy.usage.sentBytes == 99)
            #expect(lab.proxy.usage.receivedBytes == Int64(limit - 99))
            let answer = try lab.ask("CONNECT upstream.test:\(upstream.port) HTTP/1.1\r\n\r\n")
            #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains("limit of \(limit) bytes"))
            #expect(lab.log.count == 1)
            try await eventually("the server is let go") { upstream.openCount == 0 }
        }
    }

    @Test("of what goes out no byte passes the limit either", arguments: [1, 70_000])
    func byteLimitSent(limit: Int) async throws {
        let upstream = try Upstream { upstream, connection in upstream.hear(connection.toEnd()) }
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.bytes = Int64(limit)
        } _: { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            let all = Self.bytes(150_000)
            _ = client.send(all)
            #expect(client.toEnd().isEmpty)
            try await eventually("the server has it") { upstream.requests.count == 1 }
            #expect(upstream.requests == [String(decoding: all.prefix(limit), as: UTF8.self)])
            #expect(lab.proxy.usage.sentBytes == Int64(limit))
        }
    }

    @Test("a plain answer is cut at the limit too")
    func byteLimitOfAnswer() async throws {
        let upstream = try Upstream.web("HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "x", count: 100_000))
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.bytes = 5_000
        } _: { lab in
            let answer = try lab.ask("GET http://upstream.test:\(upstream.port)/ HTTP/1.1\r\n\r\n")
            let usage = lab.proxy.usage
            #expect(usage.sentBytes + usage.receivedBytes == 5_000)
            #expect(Int64(answer.utf8.count) == usage.receivedBytes)
        }
    }

    enum Flood: CaseIterable {
        case manyHeaders, longHeader, someHeaders, longURL, endlessURL

        var text: String {
            let start = "GET http://upstream.test/"
            func times(_ count: Int, _ text: String) -> String { String(repeating: text, count: count) }
            return switch self {
            case .manyHeaders: "\(start) HTTP/1.1\r\n" + times(10_000, "A: b\r\n")
            case .longHeader: "\(start) HTTP/1.1\r\nA: " + times(17_000, "b") + "\r\n\r\n"
            case .someHeaders: "\(start) HTTP/1.1\r\n" + times(250, "A: \(times(99, "b"))\r\n")
            case .longURL: start + times(17_000, "a") + " HTTP/1.1\r\n\r\n"
            case .endlessURL: start + times(1_000_000, "a")
            }
        }
    }

    @Test("a flood of headers is refused", arguments: Flood.allCases)
    func headFlood(flood: Flood) async throws {
        try await EgressLab.with { lab in
            let answer = try lab.ask(flood.text)
            #expect(answer.hasPrefix("HTTP/1.1 431 "))
        }
    }

    @Test("headers that drip are cut off in time")
    func slowHead() async throws {
        try await EgressLab.with { rules in
            rules.headMilliseconds = 500
        } _: { lab in
            let client = try lab.connect()
            defer { client.close() }
            let silent = try lab.connect()
            defer { silent.close() }
            let isSilent = Mutex(false)
            Thread.detachNewThread {
                defer { isSilent.withLock { $0 = true } }
                for byte in "GET http://upstream.test/ HTTP/1.1\r\nA: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".utf8 {
                    guard client.send([byte]) else { return }
                    usleep(50_000)
                }
            }
            #expect(String(decoding: client.toEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
            #expect(String(decoding: silent.toEnd(), as: UTF8.self).hasPrefix("HTTP/1.1 408 "))
            // It must not write to a descriptor that is somebody else's by then.
            try await eventually("nothing drips any more") { isSilent.withLock { $0 } }
        }
    }

    @Test("a tunnel on which nothing moves is closed at both ends")
    func idle() async throws {
        let upstream = try Upstream { _, connection in _ = connection.toEnd() }
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.idleMilliseconds = 2_000
        } _: { lab in
            let client = try lab.tunnel(upstream)
            defer { client.close() }
            // Together longer than it may idle; each by far not.
            for _ in 0..<4 {
                usleep(600_000)
                #expect(client.say("still there"))
            }
            #expect(client.toEnd().isEmpty)
            try await eventually("the server is let go") { upstream.openCount == 0 }
            #expect(lab.proxy.usage.sentBytes == 44)
        }
    }

    @Test("more connections at once than allowed are refused, and room that is left is room again")
    func connectionLimit() async throws {
        let upstream = try Upstream { _, connection in _ = connection.toEnd() }
        defer { upstream.stop() }
        try await EgressLab.with { rules in
            rules.connections = 8
        } _: { lab in
            let clients = try (0..<8).map { _ in try lab.tunnel(upstream) }
            let request = "CONNECT upstream.test:\(upstream.port) HTTP/1.1\r\n\r\n"
            #expect(try lab.ask(request).hasPrefix("HTTP/1.1 429 "))
            #expect(lab.log.count == 1)
            let crowd = try (0..<80).map { _ in try lab.connect() }
            try await eventually("the rest is closed unheard") { crowd.contains { $0.isAtEnd } }
            for client in clients + crowd { client.close() }
            try await eventually("all servers are let go") { upstream.openCount == 0 }
            // The proxy hears of the ends a moment after the servers do.
            try await eventually("there is room again") {
                let client = try lab.connect()
                defer { client.close() }
                let answer = client.say(request) ? client.until("\r\n\r\n") : []
                return String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 200 ")
            }
        }
    }

    @Test("many connections, one after the other and side by side, leave nothing behind")
    func many() async throws {
        let upstream = try Upstream.web()
        defer { upstream.stop() }
        try await EgressLab.with { lab in
            let request = "GET http://upstream.test:\(upstream.port)/ HTTP/1.1\r\n\r\n"
            for _ in 0..<10 {
                let clients = try (0..<32).map { _ in try lab.connect() }
                for client in clients { #expect(client.say(request)) }
                for client in clients {
                    #expect(String(decoding: client.toEnd(), as: UTF8.self).hasSuffix("ok"))
                    client.close()
                }
                try await eventually("all servers are let go") { upstream.openCount == 0 }
            }
            #expect(lab.proxy.usage.requestsAllowed == 320)
            #expect(lab.log == [])
        }
    }

    @Test("stopping closes every connection, also those that wait for a name")
    func stop() async throws {
        let upstream = try Upstream { _, connection in _ = connection.toEnd() }
        defer { upstream.stop() }
        let resolver = NameResolver { name in
            if name == "slow.test" { usleep(1_000_000) }
            return [.v4(0x7F00_0001)]
        }
        try await EgressLab.with(resolver: resolver) { lab in
            let open = try (0..<5).map { _ in try lab.tunnel(upstream) }
            let waiting = try lab.connect()
            #expect(waiting.say("CONNECT slow.test:\(upstream.port) HTTP/1.1\r\n\r\n"))
            let silent = try lab.connect()
            usleep(100_000)
            await lab.proxy.stop()
            for client in open + [waiting, silent] {
                #expect(client.toEnd().isEmpty)
                client.close()
            }
            #expect(throws: ToolFailure.self) { try lab.connect() }
            try await eventually("all servers are let go") { upstream.openCount == 0 }
            // The name comes out after the end: nobody connects for it.
            usleep(1_100_000)
            #expect(upstream.openCount == 0)
        }
    }

    @Test("a host is listed once, and a hundred hosts are enough for a log")
    func longLog() async throws {
        try await EgressLab.with { rules in
            rules.domains = []
        } _: { lab in
            for number in 0..<120 { _ = try lab.ask("CONNECT h\(number).test:443 HTTP/1.1\r\n\r\n") }
            #expect(lab.log.count == 101)
            #expect(lab.log.last == "[network] 100 hosts were refused; further ones are not listed")
            #expect(lab.proxy.usage.requestsRefused == 120)
        }
    }
}
