internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A customer's devices (CONTRACT 6).
enum CustomerDevices {
    static let routes = [
        Route(
            .post, "/customer/devices/provision", "provisionDevice",
            "Makes a code with which the device registers, once, within 24 hours.", body: newDevice,
            .created(provisioned) { "/customer/devices/\($0.id.text)/status" }, provision),
        Route(
            .get, "/customer/devices", "listDevices", "The customer's devices, by id.",
            query: [status.parameter, limit.parameter, offset.parameter], .ok(devices), list),
        Route(
            .get, "/customer/devices/{device}/status", "showDevice", "How a device is, as it last said.", .ok(shown),
            show),
        Route(
            .patch, "/customer/devices/{device}", "updateDevice",
            "Changes what a device is called and how it is configured, which its socket is told.", body: changes,
            .ok(GatewayShapes.changed), update),
        Route(
            .delete, "/customer/devices/{device}", "deleteDevice",
            "Deletes a device: its tokens and sockets end, its commands are cancelled, and then its id is free.",
            .ok(deleted), delete),
        Route(
            .post, "/customer/devices/{device}/suspend", "suspendDevice",
            "Ends a device's tokens and sockets; what it holds is pending again.", .ok(GatewayShapes.changed), suspend),
        Route(
            .post, "/customer/devices/{device}/resume", "resumeDevice", "Lets a suspended device in again.",
            .ok(GatewayShapes.changed), resume),
    ].tagged("Customers")

    // MARK: Provisioning

    private static let newDevice = Input {
        required("deviceId", GatewayShapes.deviceID)
        optional("name", GatewayShapes.name)
        optional("location", GatewayShapes.location)
    }

    private typealias Provisioned = (id: DeviceID, code: String, expiresAt: Int64)

    private static let provisionedDevice = Shape<Provisioned> {
        field("id", GatewayShapes.deviceID) { $0.id }
        field("activationCode", .hex(32...32), "Shown this once.") { $0.code }
        field("expiresAt", .instant) { $0.expiresAt }
    }

    private static let provisioned = Shape<Provisioned> {
        field("device", provisionedDevice) { $0 }
        field("instructions", .string) { device in
            "Within 24 hours, let the device call POST /api/v1/device/register with deviceId \(device.id.text) and "
                + "this activationCode; it works once. The answer holds the device's secret."
        }
    }

    private static func provision(
        _ call: Call, _ customer: CustomerContext, _ body: (DeviceID, String?, String?)
    ) async throws -> Provisioned {
        let (id, name, location) = body
        let code = Hex.encode(call.dependencies.world.random(16))
        let expiresAt = try await call.database.write { tx in
            try tx.provisionDevice(
                id, of: customer.customer, name: name, location: location, codeHash: SHA256.hex(code))
        }
        return (id, code, expiresAt)
    }

    // MARK: Reading

    private enum Filter: String, CaseIterable { case online, offline, all }

    private static let status = QueryParameter<Filter>.choice("status", "Only those; `all` when absent.")
    private static let limit = QueryParameter<Int>.integer("limit", 1...100, "How many, 50 when absent.")
    private static let offset = QueryParameter<Int>.integer("offset", 0...100_000, "How many to pass over.")

    private typealias Found = (devices: [Device], total: Int64)

    private static let devices = Shape<Found> {
        field("devices", .array(GatewayShapes.listed)) { $0.devices }
        field("total", .integer(0...Device.limit)) { $0.total }
    }

    private static func list(_ call: Call, _ customer: CustomerContext) async throws -> Found {
        let query = try call.query
        let isOnline: Bool? =
            switch try query[status] {
            case .online: true
            case .offline: false
            case .all, nil: nil
            }
        let (limit, offset) = (try query[limit] ?? 50, try query[offset] ?? 0)
        return try await call.database.read { tx in
            try tx.devices(of: customer.customer, isOnline: isOnline, offset: offset, limit: limit)
        }
    }

    private typealias Shown = (device: Device, session: DeviceSession?)

    private static let shownDevice = Shape<Shown> {
        GatewayShapes.detail.at { $0.device }
        field("lastHeartbeat", .nullable(.instant)) { $0.device.presence.lastSeen }
        field("metrics", .nullable(GatewayShapes.metrics)) { $0.device.presence.metrics }
        field("diagnostics", .nullable(GatewayShapes.diagnostics)) { $0.device.presence.diagnostics }
        optionalField("activeSession", .id(format: "uuid")) { $0.session?.id }
    }

    private static let shown = Shape<Shown> { field("device", shownDevice) { $0 } }

    private static func show(_ call: Call, _ customer: CustomerContext) async throws -> Shown {
        let id = try call.deviceID()
        return try await call.database.read { tx in
            let device = try tx.device(id, of: customer.customer)
            return (device, try tx.activeSession(of: id))
        }
    }

    // MARK: Changes

    private static let changes = Input {
        optional("name", GatewayShapes.name)
        change("location", GatewayShapes.location)
        change("config", GatewayShapes.config)
    }

    private static func update(
        _ call: Call, _ customer: CustomerContext, _ body: (String?, Change<String>, Change<String>)
    ) async throws -> Device {
        let id = try call.deviceID()
        let (name, location, config) = body
        return try await call.database.write { tx in
            try tx.changeDevice(id, of: customer.customer, actor: customer.customer.text) { device in
                device.name = name ?? device.name
                device.location = location.applied(to: device.location)
                device.config = config.applied(to: device.config)
            }
        }
    }

    private static func suspend(_ call: Call, _ customer: CustomerContext) async throws -> Device {
        let id = try call.deviceID()
        let (device, tokens) = try await call.database.write { tx in
            try tx.suspendDevice(id, of: customer.customer, actor: customer.customer.text)
        }
        call.dependencies.deviceCredentials.tokens.drop(tokens.compactMap(Hex.decode))
        // In bites: nobody else waits for what this one holds.
        while try await call.database.write({ tx in
            try tx.recall(from: id, limit: 200, actor: customer.customer.text)
        }) == 200 {}
        return device
    }

    private static let deleted = Shape<DeviceID> {
        constant("success", true)
        field("id", GatewayShapes.deviceID) { $0 }
    }

    private static func delete(_ call: Call, _ customer: CustomerContext) async throws -> DeviceID {
        let id = try call.deviceID()
        let tokens = try await call.database.write { tx in
            try tx.deleteDevice(id, of: customer.customer, actor: customer.customer.text)
        }
        call.dependencies.deviceCredentials.tokens.drop(tokens.compactMap(Hex.decode))
        return id
    }

    private static func resume(_ call: Call, _ customer: CustomerContext) async throws -> Device {
        let id = try call.deviceID()
        return try await call.database.write { tx in
            try tx.resumeDevice(id, of: customer.customer, actor: customer.customer.text)
        }
    }
}

extension Call {
    /// The device that the path names; throws 404 for what can't be one.
    func deviceID() throws -> DeviceID {
        let id = try parameter("device", as: DeviceID.self)
        guard DeviceID.isValid(id.text) else { throw Refusal.notFound("device") }
        return id
    }
}
