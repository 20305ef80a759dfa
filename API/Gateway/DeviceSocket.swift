internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// A device's WebSocket: its commands are claimed for it and pushed (CONTRACT 6).
enum DeviceSocket {
    static func routes(_ path: String, _ suffix: String) -> [Route] {
        [
            Route.socket(
                path, "deviceSocket\(suffix)",
                "A device's commands as they become ready. By deviceId and deviceSecret, or by a session token.",
                query: [id.parameter, secret.parameter, token.parameter],
                headers: [
                    .init("X-Device-Id", .string(), "As deviceId."),
                    .init("X-Device-Secret", .string(), "As deviceSecret."),
                ],
                serve)
        ].tagged("WebSockets")
    }

    fileprivate static let id = QueryParameter.text("deviceId", "The device.")
    fileprivate static let secret = QueryParameter.text("deviceSecret", "Its secret.")
    fileprivate static let token = QueryParameter.text("token", "A session token instead.")

    /// How often a silent socket looks by itself, should a hint have been lost.
    private static let lookEvery = Duration.seconds(20)

    private static let greeting = Shape<DeviceID> {
        field("deviceId", GatewayShapes.deviceID) { $0 }
        field("nextHeartbeat", .integer(1...3_600_000)) { _ in DeviceAccess.nextHeartbeat }
    }

    private static func serve(_ call: Call, _ caller: DeviceSocketContext, _ socket: WebSocket) async throws {
        let seat = try call.dependencies.seats.take(caller.device.machine.text, most: 5)
        defer { seat.leave() }
        try await socket.send(GatewayMessage(type: "connected"), greeting, caller.device)
        socket.follow(DeviceTopic.device(caller.device), every: lookEvery)
        var seen = Seen()
        for await event in socket.events {
            switch event {
            case .text(let text):
                try await socket.answer(text, call, by: caller.quotaSubject) {
                    try await act(on: $0, call, caller, socket)
                }
            case .published: guard try await look(call, caller, socket, &seen) else { return }
            case .rateLimited: try await socket.send(Problem.tooManyMessages, to: nil)
            }
        }
    }

    /// What a socket knows of its device.
    private struct Seen {
        var config: String?
        var suspensions: Int64?
    }

    /// Sends what is new for the device: its configuration, and commands up to what it may hold. False when the device
    /// may not be here any more.
    private static func look(
        _ call: Call, _ caller: DeviceSocketContext, _ socket: WebSocket, _ seen: inout Seen
    ) async throws -> Bool {
        let queue = try await call.database.read { try $0.deviceQueue(caller.device) }
        guard let queue, queue.suspensions == seen.suspensions ?? queue.suspensions else {
            socket.close(.policyViolation, "the device was suspended or deleted")
            return false
        }
        if let hash = caller.tokenHash, try await call.dependencies.devices.holder(ofToken: hash) == nil {
            socket.close(.policyViolation, "the credential has ended")
            return false
        }
        seen.suspensions = queue.suspensions
        if let new = queue.config, new != seen.config {
            seen.config = new
            try await socket.send(GatewayMessage(type: "config_update"), Format<String>.objectText, new)
        }
        // One by one: a reader that is too slow is closed, and loses no more than it was sent.
        for _ in 0..<min(Int64(DeviceCommand.maxHeld), queue.waiting) {
            var claim = Claim(of: caller.device, limit: 1, secret: caller.secret, call.dependencies.world)
            claim.mostHeld = DeviceCommand.maxHeld
            let grants = try await call.dependencies.devices.claim(claim, of: caller.device, wait: .zero)
            guard let grant = grants.first else { break }
            do throws(SocketClosed) {
                try await socket.send(GatewayMessage(type: "command", hasPayload: true), GatewayShapes.grant, grant)
            } catch {
                try await call.dependencies.broker.release(LeaseKey(grant.id, of: caller.device, token: grant.token))
                throw error
            }
        }
        return true
    }

    // MARK: Messages

    private static let command = Format<String>.text(1...64)

    private static let result = Input(
        InputFields { required("commandId", command) }.then(GatewayShapes.outcome))
    private static let extent = Input(
        InputFields { required("commandId", command) }.then(GatewayShapes.extent))

    private static let accepted = Shape<String> {
        field("commandId", command) { $0 }
        constant("success", true)
    }

    private typealias Extended = (id: String, until: Int64)

    private static let extended = Shape<Extended> {
        field("commandId", command) { $0.id }
        field("visibleUntil", .instant) { $0.until }
    }

    private static func act(
        on frame: GatewayFrame, _ call: Call, _ caller: DeviceSocketContext, _ socket: WebSocket
    ) async throws {
        let type = try frame.name
        let answer = GatewayMessage(type: "\(type)_ack", requestID: frame.requestID)
        switch type {
        case "status":
            var beat = try GatewayShapes.beat.read(frame.data, named: "data")
            beat.device = caller.device
            try await socket.send(answer, GatewayShapes.beatAnswer, try await call.dependencies.devices.beat(beat))
        case "command_result":
            let (id, report) = try result.read(frame.data, named: "data")
            try await call.finish(JobID(id), of: caller.device, token: report.token, report.outcome)
            try await socket.send(answer, accepted, id)
        case "command_extend":
            let (id, extent) = try extent.read(frame.data, named: "data")
            let until = try await call.extend(
                JobID(id), of: caller.device, token: extent.token, milliseconds: extent.milliseconds)
            try await socket.send(answer, extended, (id, until))
        default:
            throw Problem.unknownType(type, known: ["status", "command_result", "command_extend"])
        }
    }
}

/// A device at its WebSocket: by its secret, or by a session token.
struct DeviceSocketContext: CallContext {
    static let authentication = DeviceContext.authentication.metered(.failures)

    let device: DeviceID
    /// What its claim tokens are derived from.
    let secret: [UInt8]
    /// SHA-256 hex of the session token, if it came with one.
    var tokenHash: String?

    var quotaSubject: String? { device.machine.text }

    static func admit(_ call: Call) async throws -> DeviceSocketContext {
        let query = try call.query
        let token = call.header(.deviceToken) ?? call.header(.deviceSession) ?? call.bearer
        if let token = try token ?? query[DeviceSocket.token] {
            let caller = try await DeviceContext.admit(call, token: token)
            return DeviceSocketContext(
                device: caller.device, secret: Array(token.utf8), tokenHash: SHA256.hex(token))
        }
        let name = try call.header(.deviceID) ?? query[DeviceSocket.id]
        let secret = try call.header(.deviceSecret) ?? query[DeviceSocket.secret]
        guard let name, DeviceID.isValid(name), let secret, (1...256).contains(secret.utf8.count) else {
            throw try call.authenticator.refusal(call)
        }
        let device = try await call.dependencies.deviceCredentials.device(call, DeviceID(name), secret: secret)
        return DeviceSocketContext(device: device.id, secret: Array(secret.utf8))
    }
}

extension Format where Value == String {
    /// JSON that was kept as text.
    fileprivate static var objectText: Shape<String> { .objectText }
}

extension Input {
    /// Reads a part of a message; errors name it.
    func read(_ json: JSON, named name: String) throws(FieldError) -> Value {
        do throws(FieldError) {
            return try read(json)
        } catch {
            throw error.within(name)
        }
    }
}
