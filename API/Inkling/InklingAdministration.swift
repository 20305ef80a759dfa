internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What the operator does with devices (CONTRACT 8). Each may be repeated.
enum InklingAdministration {
    static let routes = [
        Route(
            .post, "/admin/devices/{public_key}/ban", "banInkling", "Ends a device's calls and sockets.",
            body: .nothing, .ok(device), ban),
        Route(
            .post, "/admin/devices/{public_key}/unban", "unbanInkling", "Lets a banned device in again.",
            body: .nothing, .ok(device), unban),
        Route(
            .post, "/admin/devices/{public_key}/bless", "blessInkling", "Verifies a device for good.", body: .nothing,
            .ok(device), bless),
    ].tagged("Companion devices")

    private typealias Judged = (inkling: Inkling, baptism: Baptism)

    private static let device = Shape<Judged> {
        field("public_key", InklingShapes.key) { $0.inkling.key }
        field("device_name", .string) { $0.inkling.name }
        field("is_banned", .boolean) { $0.inkling.isBanned }
        field("is_verified", .boolean) { $0.baptism.isVerified }
    }

    private static func ban(_ call: Call, _ caller: OperatorContext, _ nothing: Void) async throws -> Judged {
        try await act(call) { try $0.ban(true, $1, actor: caller.actor) }
    }

    private static func unban(_ call: Call, _ caller: OperatorContext, _ nothing: Void) async throws -> Judged {
        try await act(call) { try $0.ban(false, $1, actor: caller.actor) }
    }

    private static func bless(_ call: Call, _ caller: OperatorContext, _ nothing: Void) async throws -> Judged {
        try await act(call) { try $0.bless($1, actor: caller.actor) }
    }

    private static func act(
        _ call: Call, _ judge: @escaping @Sendable (Transaction, InklingKey) throws -> Judged
    ) async throws -> Judged {
        let text = try call.parameter("public_key").lowercased()
        guard Hex.isHex(text, lengths: 64...64) else { throw Refusal.notFound("device") }
        return try await call.database.write { try judge($0, InklingKey(text)) }
    }
}
