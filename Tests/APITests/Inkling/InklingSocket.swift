import Bytes
import Support
import Testing

/// A socket of a device, as its program uses it. What the frames are called is said here alone (CONTRACT 8).
final class InklingSocket: Sendable {
    private let raw: RawWebSocket

    private init(_ raw: RawWebSocket) { self.raw = raw }

    /// What a device signs to open one.
    /// - Parameter position: of the last that it has had.
    static func payload(since position: Int64? = nil) -> JSON {
        let action: JSON = ["action": "listen"]
        return position.map { action.with(["since": JSON($0)]) } ?? action
    }

    /// The first frame, of a message that was signed.
    static func hello(_ message: JSON) -> JSON {
        let type: JSON = ["type": "hello"]
        return type.with(message)
    }

    /// One that has said nothing yet; the upgrade has to succeed.
    static func open(_ lab: InklingLab, at place: SourceLocation = #_sourceLocation) async throws -> InklingSocket {
        let raw = try await offThread { [port = lab.plane.port] in try RawWebSocket(port: port, "/ws/inkling") }
        try #require(raw.reply.status == 101, "\(raw.reply.text)", sourceLocation: place)
        return InklingSocket(raw)
    }

    func send(_ message: JSON) async throws { try await send(text: message.text()) }

    func send(text: String) async throws {
        try await offThread { [raw] in raw.say(RawWebSocket.text(text)) }
    }

    /// The next message; pings are answered.
    func next(at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        let heard = try await offThread { [raw] () -> RawWebSocket.Frame? in
            while let frame = raw.next() {
                guard frame.opcode == 9 else { return frame }
                raw.say(RawWebSocket.frame(10, frame.payload))
            }
            return nil
        }
        let frame = try #require(heard, "nothing came", sourceLocation: place)
        try #require(frame.opcode == 1, "\(frame.code) \(frame.reason)", sourceLocation: place)
        return try JSON(parsing: frame.payload)
    }

    /// The next so many telegrams and postcards, as `telegram 3 <id>`.
    func mail(_ count: Int, at place: SourceLocation = #_sourceLocation) async throws -> [String] {
        var mail: [String] = []
        for _ in 0..<count { mail.append(try await next(at: place).mail) }
        return mail
    }

    /// Closes it, and waits until the server has done so too.
    func leave() async throws {
        _ = try await offThread { [raw] in
            raw.say(RawWebSocket.close(1_000))
            return raw.rest()
        }
    }

    /// Everything up to the end; requires that to be a close with this code, and returns the messages before it.
    @discardableResult
    func closed(_ code: Int = 1008, at place: SourceLocation = #_sourceLocation) async throws -> [JSON] {
        let frames = try await offThread { [raw] in raw.rest() }
        let last = frames.last
        #expect(last?.opcode == 8 && last?.code == code, "\(last?.text ?? "no close")", sourceLocation: place)
        return frames.dropLast().compactMap { try? JSON(parsing: $0.payload) }
    }
}

extension JSON {
    /// What is pushed to a device, as `telegram 3 <id>`.
    var mail: String {
        let type = self["type"]?.string ?? "?"
        return "\(type) \(self["position"]?.int ?? -1) \(self[type]?["id"]?.string ?? text())"
    }
}

extension InklingLab {
    /// An open socket of a device, and what it was greeted with.
    func listen(
        _ device: InklingDevice, since position: Int64? = nil, nonce: String? = nil, _ form: SignedForm = .python,
        at place: SourceLocation = #_sourceLocation
    ) async throws -> (socket: InklingSocket, greeting: JSON) {
        let socket = try await InklingSocket.open(self, at: place)
        clock.advance(by: .seconds(1))
        let payload = InklingSocket.payload(since: position)
        try await socket.send(InklingSocket.hello(message(by: device, payload, form, nonce: nonce)))
        let greeting = try await socket.next(at: place)
        #expect(greeting["type"] == "connected", "\(greeting.text())", sourceLocation: place)
        return (socket, greeting)
    }

    /// Sends a telegram or a postcard that has to be accepted; as its push has to be: `telegram 3 <id>`.
    func mail(
        _ kind: String, _ position: Int64, from sender: InklingDevice, to device: InklingDevice,
        at place: SourceLocation = #_sourceLocation
    ) async throws -> String {
        let payload =
            kind == "telegram"
            ? Self.telegram(to: device.key, Base64.encode(Array("\(position)".utf8)))
            : Self.postcard(to: device.key, caption: "\(position)")
        let made = try must(await send("/api/\(kind)", by: sender, payload), at: place)
        return "\(kind) \(position) \(made["\(kind)_id"]?.string ?? "?")"
    }
}
