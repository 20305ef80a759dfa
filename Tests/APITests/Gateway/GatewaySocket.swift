import Bytes
import Testing

/// An open socket of the gateway, as a device's or a customer's program uses it.
final class GatewaySocket: Sendable {
    private let raw: RawWebSocket
    /// What the upgrade was answered with.
    var reply: RawReply { raw.reply }

    private init(_ raw: RawWebSocket) { self.raw = raw }

    /// Opens one, which has to succeed, and takes its first message, which has to be `connected`.
    /// - Parameter headers: as lines.
    static func open(
        _ lab: GatewayLab, _ path: String, _ headers: [String] = [], at place: SourceLocation = #_sourceLocation
    ) async throws -> GatewaySocket {
        let raw = try await offThread { [port = lab.plane.port] in
            try RawWebSocket(port: port, path, RawWebSocket.handshake + headers)
        }
        try #require(raw.reply.status == 101, "\(raw.reply.text)", sourceLocation: place)
        let socket = GatewaySocket(raw)
        let first = try await socket.next(at: place)
        #expect(first["type"] == "connected", "\(first.text())", sourceLocation: place)
        return socket
    }

    func send(_ message: JSON) async throws { try await send(text: message.text()) }

    func send(text: String) async throws {
        try await offThread { [raw] in raw.say(RawWebSocket.text(text)) }
    }

    /// The same message so many times, in one piece.
    func send(_ message: JSON, times count: Int) async throws {
        let frames = (0..<count).flatMap { _ in RawWebSocket.text(message.text()) }
        try await offThread { [raw] in raw.say(frames) }
    }

    /// The next frame that is no ping; nil at the end, or when none comes in time. Pings are answered.
    func frame() async throws -> RawWebSocket.Frame? {
        try await offThread { [raw] () -> RawWebSocket.Frame? in
            while let frame = raw.next() {
                guard frame.opcode == 9 else { return frame }
                raw.say(RawWebSocket.frame(10, frame.payload))
            }
            return nil
        }
    }

    /// The next message, whatever it is.
    func next(at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        let heard = try await frame()
        let frame = try #require(heard, "nothing came", sourceLocation: place)
        try #require(frame.opcode == 1, "\(frame.code) \(frame.reason)", sourceLocation: place)
        return try JSON(parsing: frame.payload)
    }

    /// The next message of a type; others are passed over.
    func next(_ type: String, at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        for _ in 0..<1_000 {
            let message = try await next(at: place)
            if message["type"]?.string == type { return message }
        }
        throw SocketFailure(what: "no \(type)")
    }

    /// Sends a message and returns the next one, which has to be the answer: it has the message's `requestId`.
    func ask(_ message: JSON, at place: SourceLocation = #_sourceLocation) async throws -> JSON {
        try await send(message.with(["requestId": "asked"]))
        let answer = try await next(at: place)
        #expect(answer["requestId"] == "asked", "\(answer.text())", sourceLocation: place)
        return answer
    }

    /// Requires that nothing is there to be read: what comes next is the answer to a message of no known type.
    func expectQuiet(at place: SourceLocation = #_sourceLocation) async throws {
        let answer = try await ask(["type": "no such type"], at: place)
        #expect(answer["type"] == "error", "\(answer.text())", sourceLocation: place)
    }

    /// Everything up to the end, which should be a close.
    func rest() async throws -> [RawWebSocket.Frame] { try await offThread { [raw] in raw.rest() } }

    /// Goes without a word; returns when the server knows.
    func hangUp() async throws {
        try await offThread { [raw] in
            raw.socket.fallSilent()
            _ = raw.rest()
        }
    }
}

/// What is said on sockets.
extension JSON {
    /// A field of a message, in its `data` or beside it.
    func field(_ name: String) -> JSON? { self["data"]?[name] ?? self[name] }

    /// Of an error.
    var errorCode: String? { self["error"]?["code"]?.string }

    /// What a customer is told of a device, as `3 device_status busy` or `4 command_update pending`.
    var update: String {
        let status = self["data"]?["command"]?["status"] ?? self["data"]?["status"]
        return "\(field("position")?.int ?? -1) \(self["type"]?.string ?? "?") \(status?.string ?? "?")"
    }
}

/// Sockets of devices and customers.
extension GatewayLab {
    func socket(of device: EnrolledDevice, at place: SourceLocation = #_sourceLocation) async throws -> GatewaySocket {
        try await .open(self, "/ws/device", ["X-Device-Token: \(device.token)"], at: place)
    }

    func socket(of customer: Customer, at place: SourceLocation = #_sourceLocation) async throws -> GatewaySocket {
        try await .open(self, "/ws/customer", ["Authorization: Bearer \(token(of: customer))"], at: place)
    }

    /// What asking for a socket is answered with: of a refusal the whole.
    func upgrade(_ path: String, _ headers: [String] = []) async throws -> RawReply {
        try await offThread { [port = plane.port] in
            let socket = try RawWebSocket(port: port, path, RawWebSocket.handshake + headers)
            return socket.reply.status == 101 ? socket.reply : socket.refusal()
        }
    }

    /// What a device's socket says of how its command went.
    static func report(_ held: HeldCommand, _ result: JSON = success, token: String? = nil) -> JSON {
        let data: JSON = ["commandId": .string(held.id), "claimToken": .string(token ?? held.token)]
        return ["type": "command_result", "data": data.with(result)]
    }
}

extension GatewaySocket {
    /// The command that comes next.
    func command(of device: EnrolledDevice, at place: SourceLocation = #_sourceLocation) async throws -> HeldCommand {
        let message = try await next("command", at: place)
        let grant = try #require(message["data"], "\(message.text())", sourceLocation: place)
        return HeldCommand(device: device, grant: grant)
    }

    /// Subscribes to what happens to a device; the position from which on it is told.
    @discardableResult
    func subscribe(
        to device: EnrolledDevice, since position: Int64? = nil, at place: SourceLocation = #_sourceLocation
    ) async throws -> Int64 {
        let since = position.map { [JSON.Member("since", JSON($0))] } ?? []
        let fields: [JSON.Member] = [.init("type", "subscribe"), .init("deviceId", .string(device.id))]
        try await send(.object(fields + since))
        let answer = try await next("subscribed", at: place)
        #expect(answer.field("deviceId")?.string == device.id, "\(answer.text())", sourceLocation: place)
        return try #require(answer.field("position")?.int, "\(answer.text())", sourceLocation: place)
    }

    /// The next so many updates, in the order in which they come.
    func updates(_ count: Int, at place: SourceLocation = #_sourceLocation) async throws -> [String] {
        var updates: [String] = []
        for _ in 0..<count { updates.append(try await next(at: place).update) }
        return updates
    }
}
