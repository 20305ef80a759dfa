import API
import Bytes
import Support
import Testing

@Suite("Frames", .timeLimit(.minutes(2)))
struct SocketFrameTests {
    private typealias Raw = RawWebSocket

    private static let reserved: [(String, [UInt8], Int)] =
        [1, 2, 4, 7].map { ("reserved bits \($0)", Raw.frame(1, [0x61], reserved: $0), 1002) }
        + [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map { ("opcode \($0)", Raw.frame($0), 1002) }

    private static let broken: [(String, [UInt8], Int)] = [
        ("no mask", Raw.frame(1, [0x61], masked: false), 1002),
        ("a ping without a mask", Raw.frame(9, masked: false), 1002),
        ("a long ping", Raw.frame(9, [UInt8](repeating: 1, count: 126)), 1002),
        ("a ping in pieces", Raw.frame(9, [1], fin: false), 1002),
        ("a close in pieces", Raw.frame(8, fin: false), 1002),
        ("a continuation of nothing", Raw.frame(0, [0x61]), 1002),
        ("a message within a message", Raw.text("a", fin: false) + Raw.text("b"), 1002),
        ("bytes within a message", Raw.text("a", fin: false) + Raw.frame(2, [0x62]), 1002),
        ("a continuation after the end", Raw.text("a", fin: false) + Raw.frame(0) + Raw.frame(0), 1002),
        ("bytes", Raw.frame(2, [0x61]), 1003), ("bytes in pieces", Raw.frame(2, fin: false), 1003),
        ("a frame of 65,537 bytes", Raw.frame(1, length: 65_537), 1009),
        ("a frame of 2^31 bytes", Raw.frame(1, length: 1 << 31), 1009),
        ("a frame of 2^63 bytes", Raw.frame(1, length: 1 << 63), 1009),
        ("a frame of all ones", Raw.frame(1, length: .max), 1009),
        ("a ping of 2^40 bytes", Raw.frame(9, length: 1 << 40), 1009),
        (
            "a message of two large frames",
            Raw.frame(1, [UInt8](repeating: 0x61, count: 40_000), fin: false)
                + Raw.frame(0, [UInt8](repeating: 0x61, count: 40_000)), 1009
        ),
        ("a message that never ends", Raw.text("", fin: false) + endless(300, []), 1008),
        ("a message that grows and never ends", Raw.text("a", fin: false) + endless(90, bytes(1_000)), 1009),
        ("pings without end", (0..<50).flatMap { _ in Raw.frame(9, [1]) }, 1008),
        ("pongs without end", (0..<50).flatMap { _ in Raw.frame(10) }, 1008),
    ]

    private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0x61, count: count) }

    private static func endless(_ count: Int, _ payload: [UInt8]) -> [UInt8] {
        (0..<count).flatMap { _ in Raw.frame(0, payload, fin: false) }
    }

    private static let texts: [(String, [UInt8], Int)] =
        [
            [0xFF], [0xC0, 0x80], [0x80], [0xE2, 0x82], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80],
            [0xF8, 0x88, 0x80],
            [0x61, 0xC3],
        ].map { ("text \($0)", Raw.frame(1, $0), 1007) } + [
            ("text broken at a seam", Raw.frame(1, [0xE2, 0x82], fin: false) + Raw.frame(0, [0x28]), 1007),
            ("a reason that is no text", Raw.close(1000, [0xFF, 0xFE]), 1007),
            ("half a code", Raw.frame(8, [3]), 1002),
        ]
        + [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 65_535].map {
            ("code \($0)", Raw.close($0), 1002)
        }

    @Test("that break the rules close the socket with the code for it, and harm nobody else")
    func hostile() async throws {
        try await TestServer.sockets { server async throws in
            let port = server.port
            let other = try await offThread { try Raw.open(port: port) }
            for (name, bytes, code) in Self.reserved + Self.broken + Self.texts {
                let frames = try await offThread {
                    let client = try Raw.open(port: port)
                    client.say(bytes, Raw.text("not heard any more"))
                    return client.rest()
                }
                let close = try #require(frames.last, "\(name)")
                #expect(close.opcode == 8 && close.code == code, "\(name): \(close.code) \(close.reason)")
                #expect(close.first == 0x88 && close.payload.count <= 125)
                #expect(!frames.contains(.text("not heard any more")), "\(name)")
            }
            try await offThread {
                other.say(Raw.text("still here"))
                #expect(other.next() == .text("still here"))
            }
        }
    }

    @Test("may have any length within the limit, any seams, and controls between them")
    func good() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                for length in [0, 1, 125, 126, 127, 65_535, 65_536] {
                    let client = try Raw.open(port: port)
                    let text = String(repeating: "x", count: length)
                    client.say(Raw.text(text))
                    #expect(client.next() == .text(text), "\(length)")
                }
                let client = try Raw.open(port: port)
                // A letter, and a frame, in pieces; a ping is answered before the message that it interrupts.
                client.say(Raw.frame(1, [0xE2, 0x82], fin: false), Raw.frame(9, [1, 2, 3]))
                client.say(
                    Raw.frame(0, [], fin: false), Raw.frame(10, [9]), Raw.frame(0, [0xAC, 0xF0, 0x9F], fin: false))
                client.say(Raw.frame(0, [0x98, 0x80]))
                #expect(client.next() == Raw.Frame(first: 0x8A, payload: [1, 2, 3]))
                #expect(client.next() == .text("€😀"))
                for byte in Raw.text("a byte at a time") { client.say([byte]) }
                #expect(client.next() == .text("a byte at a time"))
                client.say(Raw.text("several"), Raw.text("at"), Raw.text("once"))
                for word in ["several", "at", "once"] { #expect(client.next() == .text(word)) }
                client.say(Raw.frame(1, Array("padded".utf8)))
                #expect(client.next() == .text("padded"))
            }
        }
    }

    @Test("that close are answered with their code, once what came before is handled")
    func closing() async throws {
        try await TestServer.sockets { server async throws in
            try await offThread { [port = server.port] in
                let codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
                for code in codes {
                    let client = try Raw.open(port: port)
                    client.say(
                        Raw.text("first"), Raw.text("think"), Raw.text("second"), Raw.close(code, Array("é".utf8)))
                    client.say(Raw.text("after the end"))
                    #expect(client.next() == .text("first"))
                    #expect(client.next() == .text("second"))
                    let close = client.next()
                    #expect(close?.opcode == 8 && close?.code == code, "\(code)")
                    #expect(client.next() == nil)
                }
                let client = try Raw.open(port: port)
                client.say(Raw.frame(8))
                #expect(client.next() == Raw.Frame(first: 0x88, payload: []))
                #expect(client.next() == nil)
            }
        }
    }
}
