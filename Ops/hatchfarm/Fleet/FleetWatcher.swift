internal import Bytes

/// Follows a device over the customer's socket. When the connection is lost, a new one goes on after the last position.
struct FleetWatcher {
    /// A connection that lasted this long was a good one: the next attempt comes soon.
    private static let goodConnection: Int64 = 30_000

    private let client: Client
    private let device: String
    private let asJSON: Bool
    /// Of the last update.
    private var position: Int64?
    private var hasSubscribed = false
    private var isDeleted = false

    init(_ client: Client, device: String, since: Int64?, asJSON: Bool) {
        self.client = client
        self.device = device
        self.asJSON = asJSON
        position = since
    }

    /// Returns when the device is deleted; throws when the server refuses, or is away for a minute.
    consuming func run() async throws {
        var jitter = FullJitter()
        var lastOpen = World.live.monotonic()
        while true {
            let started = World.live.monotonic()
            do {
                let reason = try await follow()
                if isDeleted { return }
                Output.error("disconnected: \(FleetText.oneLine(reason))")
                lastOpen = World.live.monotonic()
                if lastOpen - started >= Self.goodConnection { jitter.reset() }
            } catch Failure.unreachable(let reason) {
                guard hasSubscribed, World.live.monotonic() - lastOpen < JobFollower.reconnectTimeout else {
                    throw Failure.unreachable(reason)
                }
            }
            try await World.live.sleep(.milliseconds(jitter.next(in: .live)))
        }
    }

    /// Returns why the connection ended.
    private mutating func follow() async throws -> String {
        let socket = try await open()
        defer { socket.close() }
        var members: [JSON.Member] = [.init("type", "subscribe"), .init("deviceId", .string(device))]
        if let position { members.append(.init("since", JSON(position))) }
        do {
            try await socket.send(JSON.object(members).bytes(.compact))
        } catch {
            return socket.ending
        }
        while let bytes = await socket.next() {
            guard let message = try? JSON(parsing: bytes, limits: JSONLimits(depth: 64, keys: 100_000)) else {
                continue
            }
            try take(message)
            if isDeleted { break }
        }
        return socket.ending
    }

    private func open() async throws -> ClientSocket {
        do {
            return try await ClientSocket.open(
                client.credentials.server, "/ws/customer",
                [(name: "Authorization", value: "Bearer \(client.credentials.key)")])
        } catch let refused as ClientSocket.Refused {
            let text = "the server refused the socket (\(refused.status))"
            switch refused.status {
            case 400..<500 where refused.status != 429: throw Failure.refused(text)
            default: throw Failure.unreachable(text)
            }
        }
    }

    private mutating func take(_ message: JSON) throws(Failure) {
        let data = message["data"] ?? message
        switch message["type"]?.string {
        case "subscribed":
            hasSubscribed = true
            warn(ofGapBefore: data["oldest"]?.int)
            position = position ?? data["position"]?.int
        case "device_status", "command_update":
            let place = message["position"]?.int ?? data["position"]?.int
            // Positions only grow.
            if let place, let position, place <= position { return }
            position = place ?? position
            isDeleted = message["type"] == "device_status" && data["status"] == "deleted"
            Output.line(asJSON ? message.text(.compact) : FleetText.update(message, position: place))
        case "error":
            let text = FleetText.field(message["error"]?["message"])
            guard hasSubscribed else {
                let isUnknown = message["error"]?["code"]?.string?.contains("NOT_FOUND") ?? false
                throw isUnknown ? Failure.notFound(text) : Failure.refused(text)
            }
            Output.error("the server says: \(text)")
        default: break
        }
    }

    /// The server no longer has all that came after the position.
    private func warn(ofGapBefore oldest: Int64?) {
        guard let oldest, let position, position < oldest else { return }
        let (distance, isFar) = oldest.subtractingReportingOverflow(position)
        if isFar || distance > 1 { Output.error("updates after \(position) are gone; the oldest is \(oldest)") }
    }
}
