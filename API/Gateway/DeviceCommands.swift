internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// What a device does with its commands: claim, extend, report (CONTRACT 6).
enum DeviceCommands {
    static let routes = [
        Route(
            .post, "/device/commands/claim", "claimCommands",
            "Claims commands, lower priorities first, then the oldest; waits for some if asked.", body: wanted,
            .ok(claimed), claim),
        Route(
            .post, "/device/commands/{command}/extend", "extendCommand", "Sets a claim to end so long from now.",
            body: Input(GatewayShapes.extent), .ok(extended), extend),
        Route(
            .post, "/device/commands/{command}/result", "reportCommand", "Reports how a command went, which ends it.",
            body: Input(GatewayShapes.outcome), .ok(accepted), report),
    ].tagged("Devices")

    private static let wanted = Input {
        optional("limit", Format<Int64>.integer(1...Int64(DeviceCommand.maxHeld)), default: 1)
        optional("visibilityTimeout", Format<Int64>.integer(60_000...3_600_000), "Milliseconds, 300,000 when absent.")
        optional("waitMs", Format<Int64>.integer(0...20_000), default: 0, "How long to wait for one.")
        optional("requestId", .text(1...64), "Repeated, it gives what it gave, as far as it is still held.")
    }

    private static let claimed = Shape<[Grant]> { field("commands", .array(GatewayShapes.grant)) { $0 } }

    private static func claim(
        _ call: Call, _ device: DeviceContext, _ body: (Int64, Int64?, Int64, String?)
    ) async throws -> [Grant] {
        let (limit, timeout, wait, request) = body
        let claim = Claim(
            of: device.device, limit: Int(limit), visibilityTimeout: timeout, request: request,
            secret: Array(device.token.utf8), call.dependencies.world)
        return try await call.dependencies.devices.claim(
            claim, of: device.device, token: SHA256.hex(device.token), wait: .milliseconds(wait),
            isAbandoned: { call.isAbandoned })
    }

    // MARK: Extension

    private static let extended = Shape<Int64> {
        constant("success", true)
        field("visibleUntil", .instant) { $0 }
    }

    private static func extend(
        _ call: Call, _ device: DeviceContext, _ body: (token: String, milliseconds: Int64)
    ) async throws -> Int64 {
        try await call.extend(
            call.parameter("command", as: JobID.self), of: device.device, token: body.token,
            milliseconds: body.milliseconds)
    }

    // MARK: Results

    private static let next = Shape<JobID> { field("id", .id(format: "uuid")) { $0 } }

    private static let accepted = Shape<JobID?> {
        constant("success", true)
        optionalField("nextCommand", next) { $0 }
    }

    private static func report(
        _ call: Call, _ device: DeviceContext, _ body: (token: String, outcome: Outcome)
    ) async throws -> JobID? {
        let id = try call.parameter("command", as: JobID.self)
        try await call.finish(id, of: device.device, token: body.token, body.outcome)
        return try await call.database.read { try $0.nextCommand(of: device.device) }
    }
}

extension Claim {
    /// - Parameter secret: what the tokens are derived from.
    init(
        of device: DeviceID, limit: Int, visibilityTimeout: Int64? = nil, request: String? = nil, secret: [UInt8],
        _ world: World
    ) {
        var offer = Offer(worker: device.machine.text, owner: device.machine.text, kinds: [.device])
        offer.isolation = .none
        self.init(
            offer: offer, limit: limit, visibilityTimeout: visibilityTimeout,
            requestID: request ?? Hex.encode(world.random(16)), isRepeatable: request != nil, secret: secret)
    }
}

extension Call {
    /// Extends a command's lease; returns when it ends. Throws `Refusal.leaseLost`, `.notFound`, `.jobEnded`.
    func extend(_ id: JobID, of device: DeviceID, token: String, milliseconds: Int64) async throws -> Int64 {
        let key = LeaseKey(id, of: device, token: token)
        let outcomes = try await dependencies.broker.extend([Extension(key: key, milliseconds: milliseconds)])
        guard case .extended(let until)? = outcomes.first else {
            throw try await database.read { tx in
                try tx.isCommand(id, of: device) ? tx.refusalForStale(key) : Refusal.notFound("command")
            }
        }
        return until
    }

    /// Ends a command by its device's report. Throws `Refusal.leaseLost`, `.notFound`, `.jobEnded`.
    func finish(_ id: JobID, of device: DeviceID, token: String, _ outcome: Outcome) async throws {
        let key = LeaseKey(id, of: device, token: token)
        do {
            _ = try await dependencies.broker.finish(Report(key: key, outcome: outcome))
        } catch let refusal as Refusal {
            guard try await database.read({ try $0.isCommand(id, of: device) }) else {
                throw Refusal.notFound("command")
            }
            throw refusal
        }
    }
}
