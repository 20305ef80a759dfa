internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// What a user is told of (CONTRACT 7).
enum Notifications {
    static let routes = [
        Route(
            .get, "/notifications", "listNotifications", "What you are told, newest first. Kept for 90 days.",
            query: [unreadOnly.parameter], notifications, list),
        // Without an `Idempotency-Key`: what is read stays read, so that a repeated call does no more.
        Route(
            .patch, "/notifications", "markNotifications",
            "Marks as read: all that you have now, or up to 1,000 by their ids. Others' ids are passed over.",
            body: marks, .ok(BountyShapes.done), mark),
    ].tagged("Notifications")

    private static let notification = Shape<Notification>("BeeHackNotification") {
        field("id", .decimalID) { $0.id }
        field("type", .choice) { $0.kind }
        field("post_id", .nullable(.decimalID)) { $0.bounty }
        field("post_title", .nullable(.string), "null when the post was deleted.") { $0.bountyTitle }
        field("comment_id", .nullable(.decimalID)) { $0.comment }
        field("actor_handle", .handleOrID) { $0.actorHandle }
        field("read", .boolean) { $0.isRead }
        field("created_at", .instant) { $0.createdAt }
    }

    private static let notifications = PagedList(
        "items", of: notification, by: .decimalID, limit: .clamped(default: 50)
    ) { $0.id }

    private static let unreadOnly = QueryParameter<Bool>(
        "unread_only", .string(), "`false` for those too that you have read; else only the others."
    ) { $0 != "false" }

    private enum Marks: Sendable {
        case all
        case some([Int64])
    }

    private static let marks = Input {
        optional("all", .boolean.example(.null))
        optional("ids", .array(.decimalID, 1...1_000))
    }
    .map { all, ids throws(FieldError) in
        switch (all, ids) {
        case (true, nil): return Marks.all
        case (nil, let ids?): return .some(ids)
        default: throw .invalid(#"must be {"all":true} or {"ids":[…]}"#)
        }
    }

    private static func list(
        _ call: Call, _ member: MemberContext, _ page: Page<Int64>
    ) async throws -> [Notification] {
        let unreadOnly = try call.query[unreadOnly] ?? true
        return try await call.database.read { tx in
            try tx.notifications(
                of: member.memberID, unreadOnly: unreadOnly, before: page.after, limit: page.wanted)
        }
    }

    /// How many are marked in one transaction.
    private static let bite = 1_000

    private static func mark(_ call: Call, _ member: MemberContext, _ marks: Marks) async throws {
        let id = member.memberID
        switch marks {
        case .some(let ids): try await call.database.write { try $0.markNotifications(ids, of: id) }
        case .all:
            let newest = try await call.database.read { tx in
                guard try tx.member(id) != nil else { throw Refusal.membersOnly }
                return try tx.newestNotification(of: id)
            }
            var place = newest == nil ? nil : Int64(0)
            while let after = place, let newest, !call.isAbandoned {
                place = try await call.database.write { tx in
                    try tx.markNotifications(of: id, after: after, upTo: newest, limit: bite)
                }
            }
        }
    }
}
