internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// A customer by its token.
struct CustomerContext: CallContext {
    static let authentication = Authentication(
        scheme: "customerToken",
        [
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "A customer's token: HS256, aud `authenticated`, the customer as `customer_id` or `sub`.",
        ])

    let customer: CustomerID
    /// Milliseconds since 1970.
    let expiresAt: Int64

    var quotaSubject: String? { customer.owner.text }

    static func admit(_ call: Call) async throws -> CustomerContext { try await admit(call, token: call.bearer) }

    /// - Parameter token: wherever it came. Throws 401, 403 or 429.
    static func admit(_ call: Call, token: String?) async throws -> CustomerContext {
        guard let token, let claims = await call.dependencies.deviceCredentials.customers.verify(token) else {
            throw try call.authenticator.refusal(call)
        }
        guard ["authenticated", "service_role"].contains(claims.role ?? "authenticated") else {
            throw Problem.forbidden("insufficient permissions: the role of this token may not use the API")
        }
        let context = CustomerContext(customer: claims.customer, expiresAt: claims.expiresAt)
        if let wait = call.authenticator.owners.take(context.customer.owner.text) {
            throw Problem.tooMany(retryAfter: wait)
        }
        return context
    }
}

/// A device by its session token.
struct DeviceContext: CallContext {
    static let authentication = Authentication(
        scheme: "deviceToken", ["type": "apiKey", "in": "header", "name": "X-Device-Token"])

    let device: DeviceID
    let token: String

    var quotaSubject: String? { device.machine.text }

    static func admit(_ call: Call) async throws -> DeviceContext {
        try await admit(call, token: call.header(.deviceToken) ?? call.header(.deviceSession) ?? call.bearer)
    }

    /// - Parameter token: wherever it came. Throws 401 or 429.
    static func admit(_ call: Call, token: String?) async throws -> DeviceContext {
        guard let token, (1...256).contains(token.utf8.count) else { throw try call.authenticator.refusal(call) }
        let dependencies = call.dependencies
        let digest = SHA256.hash(token)
        let holder = try await call.authenticator.known(call, dependencies.deviceCredentials.tokens, key: digest) {
            try await dependencies.devices.holder(ofToken: Hex.encode(digest))
        }
        if let wait = call.authenticator.owners.take(holder.device.machine.text) {
            throw Problem.tooMany(retryAfter: wait)
        }
        return DeviceContext(device: holder.device, token: token)
    }
}

extension HTTPField.Name {
    static let deviceToken = ours("X-Device-Token")
    static let deviceSession = ours("X-Device-Session")
    static let deviceID = ours("X-Device-Id")
    static let deviceSecret = ours("X-Device-Secret")
}
