package import Domain

extension Transaction {
    /// A member's notifications, the newest first, those before `before`; only those not read, or all.
    package func notifications(
        of member: MemberID, unreadOnly: Bool, before: Int64?, limit: Int
    ) throws -> [Notification] {
        let which: SQL = unreadOnly ? "AND is_read = 0" : ""
        var found = try rows(
            """
            SELECT id, type, bounty_id, (SELECT title FROM bounties WHERE bounties.id = bounty_id), comment_id,
                actor_id, is_read, created_at
            FROM notifications WHERE member_id = \(member.text) \(sql: which) AND id < \(before ?? .max)
            ORDER BY id DESC LIMIT \(limit)
            """
        ) { row in
            let id = try row.integer()
            let kind: Notification.Kind = try row.word()
            return try Notification(
                id: id, kind: kind, bounty: row.optionalInteger(), bountyTitle: row.optionalText(),
                comment: row.optionalInteger(), actorHandle: row.text(), isRead: row.bool(), createdAt: row.integer())
        }
        try putHandles(in: &found) { $0.actorHandle = $1($0.actorHandle) }
        return found
    }

    /// The id of a member's newest notification; nil when it has none.
    package func newestNotification(of member: MemberID) throws -> Int64? {
        try first("SELECT id FROM notifications WHERE member_id = \(member.text) ORDER BY id DESC LIMIT 1") {
            try $0.integer()
        }
    }
}
