internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// A customer's work on one device, and its approvals (CONTRACT 6).
enum DeviceSessions {
    static let routes = [
        Route(
            .post, "/customer/sessions", "openSession", "Opens a session on a device, for an hour.", body: newSession,
            .created(opened) { "/customer/sessions/\($0.session.id.text)" }, open),
        Route(
            .get, "/customer/sessions/{session}", "showSession", "A session and its first 100 commands.", .ok(shown),
            show),
        Route(
            .post, "/customer/sessions/{session}/end", "endSession",
            "Ends a session; what waits for approval in it is cancelled.", .ok(opened), end),
        Route(
            .post, "/customer/sessions/{session}/approve", "approveCommand",
            "Lets a command that waits for approval be claimed, or ends it as rejected.", body: decision, .ok(decided),
            decide),
    ].tagged("Customers")

    private typealias Seen = (session: DeviceSession, now: Int64)

    private static let newSession = Input {
        required("deviceId", GatewayShapes.deviceID)
        required("type", Format<DeviceSession.Kind>.choice)
        optional("description", .text(0...1_024))
    }

    private static let session = Shape<Seen>("DeviceSession") {
        field("id", .id(format: "uuid")) { $0.session.id }
        field("deviceId", GatewayShapes.deviceID) { $0.session.device }
        field("type", .choice) { $0.session.kind }
        field("description", .nullable(.string)) { $0.session.description }
        field("status", Format<DeviceSession.Status>.choice) { $0.session.status(at: $0.now) }
        field("createdAt", .instant) { $0.session.createdAt }
        field("expiresAt", .instant) { $0.session.expiresAt }
    }

    private static let opened = Shape<Seen> { field("session", session) { $0 } }

    private static func open(
        _ call: Call, _ customer: CustomerContext, _ body: (DeviceID, DeviceSession.Kind, String?)
    ) throws -> Effect<Seen> {
        let (device, kind, description) = body
        return Effect(for: customer.customer.owner) { tx in
            let session = try tx.openSession(
                SessionID(tx.newUUID()), device: device, customer: customer.customer, kind: kind,
                description: description)
            return (session, tx.now)
        }
    }

    private typealias Shown = (seen: Seen, commands: [DeviceCommand])

    private static let shownSession = Shape<Shown> {
        session.at { $0.seen }
        field("commands", .array(GatewayShapes.command)) { $0.commands }
    }

    private static let shown = Shape<Shown> { field("session", shownSession) { $0 } }

    private static func show(_ call: Call, _ customer: CustomerContext) async throws -> Shown {
        let id = try call.parameter("session", as: SessionID.self)
        return try await call.database.read { tx in
            let session = try tx.deviceSession(id, of: customer.customer)
            return ((session, tx.now), try tx.deviceCommands(in: id, limit: 100))
        }
    }

    private static func end(_ call: Call, _ customer: CustomerContext) async throws -> Seen {
        let id = try call.parameter("session", as: SessionID.self)
        return try await call.database.write { tx in
            (try tx.endSession(id, of: customer.customer, actor: customer.customer.text), tx.now)
        }
    }

    // MARK: Approval

    private static let decision = Input {
        required("commandId", .text(1...64))
        required("approved", Format<Bool>.boolean)
        optional("reason", GatewayShapes.reason)
    }

    private enum Verdict: String, CaseIterable, Sendable { case approved, rejected }

    private typealias Decided = (command: JobID, verdict: Verdict)

    private static let decidedCommand = Shape<Decided> {
        field("id", .id(format: "uuid")) { $0.command }
        field("status", Format<Verdict>.choice) { $0.verdict }
    }

    private static let decided = Shape<Decided> {
        constant("success", true)
        field("command", decidedCommand) { $0 }
    }

    private static func decide(
        _ call: Call, _ customer: CustomerContext, _ body: (String, Bool, String?)
    ) async throws -> Decided {
        let session = try call.parameter("session", as: SessionID.self)
        let (command, isApproved, reason) = (JobID(body.0), body.1, body.2)
        try await call.database.write { tx in
            try tx.decideCommand(
                command, in: session, of: customer.customer, isApproved: isApproved, reason: reason,
                actor: customer.customer.text)
        }
        return (command, isApproved ? .approved : .rejected)
    }
}
