import Synchronization

/// A WebSocket client that sends what it is told to, frame for frame. Its calls block: see `offThread`.
final class RawWebSocket: Sendable {
    struct Frame: Sendable, Equatable {
        var first: UInt8
        var payload: [UInt8]

        var opcode: UInt8 { first & 0x0F }
        var text: String { String(decoding: payload, as: UTF8.self) }
        /// Of a close frame; 0 when it has none.
        var code: Int { payload.count < 2 ? 0 : Int(payload[0]) << 8 | Int(payload[1]) }
        var reason: String { String(decoding: payload.dropFirst(2), as: UTF8.self) }

        static func text(_ text: String) -> Frame { Frame(first: 0x81, payload: Array(text.utf8)) }
    }

    let socket: RawSocket
    /// The head of the answer.
    let reply: RawReply
    private let pending: Mutex<[UInt8]>

    /// The standard's example, and what it is answered with.
    static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    static let handshake = [
        "Host: x", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: \(key)",
    ]

    static func request(_ path: String, _ headers: [String] = handshake, method: String = "GET") -> String {
        "\(method) \(path) HTTP/1.1\r\n\(headers.map { $0 + "\r\n" }.joined())\r\n"
    }

    /// Asks for a socket.
    convenience init(
        port: Int, _ path: String = "/sockets/echo", _ headers: [String] = handshake, method: String = "GET"
    ) throws {
        let socket = try RawSocket(port: port)
        socket.say(Self.request(path, headers, method: method))
        self.init(on: socket)
    }

    /// A socket was asked for already.
    init(on socket: RawSocket) {
        self.socket = socket
        var bytes: [UInt8] = []
        while bytes.firstRange(of: Array("\r\n\r\n".utf8)) == nil {
            let piece = socket.some()
            if piece.isEmpty { break }
            bytes += piece
        }
        let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound ?? bytes.count
        reply = RawReply(bytes: Array(bytes[..<end]))
        pending = Mutex(Array(bytes[end...]))
    }

    /// The whole of an answer that is no upgrade, and what follows it.
    func refusal() -> RawReply { RawReply(bytes: reply.bytes + pending.withLock(\.self) + socket.rest().bytes) }

    /// An open one, whose first message was taken.
    static func open(port: Int, _ path: String = "/sockets/echo", _ more: [String] = []) throws -> RawWebSocket {
        let client = try RawWebSocket(port: port, path, handshake + more)
        guard client.reply.status == 101, client.next()?.text.contains("connected") == true else {
            throw SocketFailure(what: "no socket: \(client.reply.text)")
        }
        return client
    }

    static func frame(
        _ opcode: UInt8, _ payload: [UInt8] = [], fin: Bool = true, reserved: UInt8 = 0, masked: Bool = true,
        length: UInt64? = nil
    ) -> [UInt8] {
        let length = length ?? UInt64(payload.count)
        var bytes = [(fin ? 0x80 : 0) | reserved << 4 | opcode]
        let mark: UInt8 = masked ? 0x80 : 0
        switch length {
        case ...125: bytes.append(mark | UInt8(length))
        case ...65_535: bytes += [mark | 126] + (0..<2).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
        default: bytes += [mark | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) }
        }
        guard masked else { return bytes + payload }
        let mask: [UInt8] = [0x12, 0x9A, 0x00, 0xFF]
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    static func text(_ text: String, fin: Bool = true) -> [UInt8] { frame(1, Array(text.utf8), fin: fin) }

    static func close(_ code: Int, _ reason: [UInt8] = []) -> [UInt8] {
        frame(8, [UInt8(truncatingIfNeeded: code >> 8), UInt8(truncatingIfNeeded: code)] + reason)
    }

    func say(_ frames: [UInt8]...) { socket.say(frames.flatMap(\.self)) }

    /// The next frame; nil at the end, or when none comes in time.
    func next() -> Frame? {
        guard let head = take(2) else { return nil }
        var length = Int(head[1] & 0x7F)
        if length > 125 {
            guard let bytes = take(length == 126 ? 2 : 8) else { return nil }
            length = bytes.reduce(0) { $0 << 8 | Int($1) }
        }
        guard let payload = take(length) else { return nil }
        return Frame(first: head[0], payload: payload)
    }

    /// All frames but pings up to the end; the last one should be a close.
    func rest() -> [Frame] {
        var frames: [Frame] = []
        while let frame = next() {
            if frame.opcode != 9 { frames.append(frame) }
            if frame.opcode == 8 { say(Self.frame(8, Array(frame.payload.prefix(2)))) }
        }
        return frames
    }

    private func take(_ count: Int) -> [UInt8]? {
        pending.withLock { pending in
            while pending.count < count {
                let piece = socket.some()
                if piece.isEmpty { return nil }
                pending += piece
            }
            defer { pending.removeFirst(count) }
            return Array(pending.prefix(count))
        }
    }
}
