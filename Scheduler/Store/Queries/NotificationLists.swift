package import Domain

extension Transaction {
    /// A member's notifications, the newest first, those before `before`; only those not read, or all.
    package func notifications(
        of member: MemberID, unreadOnly: Bool, before: Int64?, limit: Int
    ) throws -> [Notification] {
        let which: SQL = unreadOnly ? "AND is_read = 0" : ""
        return try rows(
            """
            SELECT page.id, type, bounty_id, title, comment_id, COALESCE(handle, members.id), is_read, page.created_at
            FROM (SELECT id, type, bounty_id, comment_id, actor_id, is_read, created_at FROM notifications
                WHERE member_id = \(member.text) \(sql: which) AND id < \(before ?? .max)
                ORDER BY id DESC LIMIT \(limit)) AS page
            JOIN members ON members.id = actor_id LEFT JOIN bounties ON bounties.id = bounty_id
            ORDER BY page.id DESC
            """
        ) { row in
            let id = try row.integer()
            let word = try row.text()
            guard let kind = Notification.Kind(rawValue: word) else {
                throw InternalError.unreadable("notification \(word)")
            }
            return try Notification(
                id: id, kind: kind, bounty: row.optionalInteger(), bountyTitle: row.optionalText(),
                comment: row.optionalInteger(), actorHandle: row.text(), isRead: row.bool(), createdAt: row.integer())
        }
    }

    /// The id of a member's newest notification; nil when it has none.
    package func newestNotification(of member: MemberID) throws -> Int64? {
        try first("SELECT id FROM notifications WHERE member_id = \(member.text) ORDER BY id DESC LIMIT 1") {
            try $0.integer()
        }
    }
}
