internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// How a device joins, proves who it is, and says that it lives (CONTRACT 6).
enum DeviceAccess {
    static let routes = [
        Route(
            .post, "/device/register", "registerDevice",
            "Activates a provisioned device by its code, once. Its secret is shown this once.", body: registration,
            .created(registered), metering: .failures, register),
        Route(
            .post, "/device/auth", "authenticateDevice",
            "A session token for a device, for 7 days from its last use. Five failures a minute, by address and "
                + "device.", body: credentials, .ok(session), metering: .failures, authenticate),
        Route(
            .post, "/device/heartbeat", "deviceHeartbeat", "Says that the device lives, and how it is.",
            body: GatewayShapes.beat, .ok(GatewayShapes.beatAnswer), beat),
    ].tagged("Devices")

    static let nextHeartbeat = DeviceBroker.nextHeartbeat

    // MARK: Registration

    private static let metadata = Input {
        optional("location", GatewayShapes.location)
        optional("model", .trimmed(1...255))
    }

    private static let registration = Input {
        required("deviceId", GatewayShapes.deviceID)
        required("activationCode", .text(1...128))
        optional("metadata", metadata)
    }

    private typealias Registered = (device: Device, secret: String)

    private static let registeredDevice = Shape<Registered> {
        field("id", GatewayShapes.deviceID) { $0.device.id }
        field("status", .string) { $0.device.state.rawValue }
        field("customerId", .string) { $0.device.customer.text }
        field("registeredAt", .nullable(.instant)) { $0.device.registeredAt }
        field("secret", .hex(64...64), "Shown this once.") { $0.secret }
    }

    private static let registered = Shape<Registered> {
        constant("success", true)
        field("device", registeredDevice) { $0 }
    }

    private static func register(
        _ call: Call, _ anyone: PublicContext, _ body: (DeviceID, String, (String?, String?)?)
    ) async throws -> Registered {
        let (id, code, metadata) = body
        let credentials = call.dependencies.deviceCredentials
        try credentials.checkFailures(call, id)
        let secret = Hex.encode(call.dependencies.world.random(32))
        let device: Device?
        do {
            device = try await call.database.write { tx in
                try tx.registerDevice(
                    id, codeHash: SHA256.hex(code.lowercased()), secretHash: SHA256.hex(secret), model: metadata?.1,
                    location: metadata?.0)
            }
        } catch let refusal as Refusal {
            // Whoever tries out ids pays for it.
            try call.chargeAddress()
            throw refusal
        }
        guard let device else { throw credentials.noteFailure(call, id, "Invalid or expired activation code") }
        return (device, secret)
    }

    // MARK: Sessions of the device itself

    private static let credentials = Input {
        required("deviceId", GatewayShapes.deviceID)
        required("deviceSecret", .text(1...128))
    }

    private typealias Session = (device: DeviceID, token: String)

    private static let session = Shape<Session> {
        field("token", .string(pattern: "^dst_[0-9a-f]{48}$")) { $0.token }
        field("expiresIn", .integer(1...Device.tokenLasts / 1_000), "Seconds.") { _ in Device.tokenLasts / 1_000 }
        field("deviceId", GatewayShapes.deviceID) { $0.device }
    }

    private static func authenticate(
        _ call: Call, _ anyone: PublicContext, _ body: (DeviceID, String)
    ) async throws -> Session {
        let (id, secret) = body
        let credentials = call.dependencies.deviceCredentials
        _ = try await credentials.device(call, id, secret: secret)
        let token = call.newKeyText(prefix: "dst")
        guard try await call.database.write({ try $0.openDeviceToken(SHA256.hex(token), for: id) }) else {
            throw Problem.forbidden("this device is not active")
        }
        return (id, token)
    }

    // MARK: Heartbeats

    private static func beat(_ call: Call, _ device: DeviceContext, _ beat: DeviceBeat) async throws -> Int64 {
        var beat = beat
        beat.device = device.device
        return try await call.dependencies.devices.beat(beat)
    }
}
