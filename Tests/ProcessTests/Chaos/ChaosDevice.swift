import Bytes
import Support

/// A device that the test itself is: it says exactly what the test wants, exactly then.
struct ChaosDevice: Sendable {
    /// Of every claim and extension, in milliseconds: the shortest that a device may ask for (CONTRACT 6).
    static let lease: Int64 = 60_000

    let id: String
    let token: String
    private let client: FarmClient

    /// A command under one claim token.
    struct Hold: Sendable, Hashable {
        let command: String
        let token: String
    }

    struct Grant: Sendable {
        let hold: Hold
        /// Milliseconds since 1970 by the server's clock.
        let visibleUntil: Int64
    }

    /// Provisions a device of a customer's, registers it, and gets a session token for it.
    static func enroll(_ id: String, of customer: FarmClient) async throws -> ChaosDevice {
        let provisioned = try await customer.post(
            "/api/v1/customer/devices/provision", ["deviceId": .string(id)]
        ).expecting(201)
        let anyone = FarmClient(customer.url)
        let registered = try await anyone.post(
            "/api/v1/device/register",
            [
                "deviceId": .string(id),
                "activationCode": provisioned.json["device"]?["activationCode"] ?? .null,
            ]
        ).expecting(201)
        let session = try await anyone.post(
            "/api/v1/device/auth",
            ["deviceId": .string(id), "deviceSecret": registered.json["device"]?["secret"] ?? .null]
        ).expecting(200)
        guard let token = session.json["token"]?.string else { throw ToolFailure("no token: \(session.text)") }
        return ChaosDevice(id: id, token: token, client: FarmClient(customer.url, [("X-Device-Token", token)]))
    }

    /// - Parameter wait: in milliseconds.
    func claim(_ limit: Int, request: String, wait: Int) async throws -> FarmReply {
        try await client.post(
            "/api/v1/device/commands/claim",
            [
                "limit": JSON(limit), "requestId": .string(request), "waitMs": JSON(wait),
                "visibilityTimeout": JSON(Self.lease),
            ])
    }

    /// What a claim granted; nil when it doesn't say so.
    static func grants(_ reply: FarmReply) -> [Grant]? {
        guard reply.status == 200, let commands = reply.json["commands"]?.array else { return nil }
        var grants: [Grant] = []
        for command in commands {
            guard let id = command["id"]?.string, let token = command["claimToken"]?.string,
                let until = instant(command["visibleUntil"])
            else { return nil }
            grants.append(Grant(hold: Hold(command: id, token: token), visibleUntil: until))
        }
        return grants
    }

    static func instant(_ value: JSON?) -> Int64? { value?.string.flatMap { RFC3339.parse($0) } }

    func extend(_ hold: Hold) async throws -> FarmReply {
        try await client.post(
            "/api/v1/device/commands/\(hold.command)/extend",
            ["claimToken": .string(hold.token), "extensionMs": JSON(Self.lease)])
    }

    func succeed(_ hold: Hold, _ output: String) async throws -> FarmReply {
        try await client.post(
            "/api/v1/device/commands/\(hold.command)/result",
            [
                "claimToken": .string(hold.token), "status": "success", "output": .string(output),
                "executedAt": .string(RFC3339.format(World.live.now())), "duration": 1,
            ])
    }

    /// A sign of life.
    func beat(_ status: String) async throws -> FarmReply {
        try await client.post("/api/v1/device/heartbeat", ["status": .string(status)])
    }
}
