internal import Bytes
internal import Domain
internal import Store

/// What devices and their customers show, once a process.
final class DeviceCredentials: Sendable {
    let customers: CustomerTokens
    let tokens: CredentialCache<DeviceTokenHolder>
    /// Attempts that failed, by address and device.
    private let failures: QuotaMeter

    /// How long a token that another process ended may still be taken here, in milliseconds.
    private static let freshMilliseconds: Int64 = 2_000

    init(_ configuration: AppConfiguration, world: World) {
        customers = CustomerTokens(configuration.customerTokenSecret, now: world.now)
        tokens = CredentialCache(fresh: Self.freshMilliseconds, clock: world.monotonic)
        failures = QuotaMeter(Quota(limit: 5, seconds: 60), world: world)
    }

    /// Who a device is, by its secret. Throws 401, 403 when it is suspended, 429 after five that failed in a minute.
    func device(_ call: Call, _ id: DeviceID, secret: String) async throws -> Device {
        try checkFailures(call, id)
        let known = try await call.database.read { try $0.deviceSecret(id) }
        // As long for a device that nobody has.
        guard constantTimeEqual(known?.hash ?? Self.noHash, SHA256.hex(secret)), let device = known?.device else {
            throw noteFailure(call, id, "Invalid device credentials")
        }
        guard device.state == .active else {
            throw Problem.forbidden("this device is \(device.state.rawValue)")
        }
        return device
    }

    private static let noHash = String(repeating: "-", count: 64)

    /// Throws 429 after five failures in a minute from this address for this device.
    func checkFailures(_ call: Call, _ id: DeviceID) throws(Problem) {
        if let wait = failures.wait("\(call.address) \(id.text)") { throw .tooMany(retryAfter: wait) }
    }

    /// Counts a failure; returns the refusal.
    func noteFailure(_ call: Call, _ id: DeviceID, _ message: String) -> Problem {
        _ = failures.take("\(call.address) \(id.text)")
        return .unauthorized(message)
    }
}
