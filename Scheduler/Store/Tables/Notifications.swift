internal import Domain

extension Transaction {
    /// Tells `member` what `actor` did; nobody is told of what it did itself.
    func notify(
        _ type: Notification.Kind, to member: MemberID, by actor: MemberID, bounty: Int64?, comment: Int64? = nil
    ) throws {
        guard member != actor else { return }
        try executeLater(
            """
            INSERT INTO notifications (member_id, type, bounty_id, comment_id, actor_id, created_at)
            VALUES (\(member.text), \(type.rawValue), \(bounty), \(comment), \(actor.text), \(now))
            """)
    }

    /// Marks those of a member's notifications as read that it has among `ids`.
    func markNotificationsRead(among ids: [Int64], of member: MemberID) throws {
        var own: [Int64] = []
        try SQL.chunked(ids) { chunk in
            // In their order, which only the key has: the index of a member's ones would be read whole.
            let found = try rows(
                "SELECT id, member_id FROM notifications WHERE id \(in: chunk) ORDER BY id"
            ) { row in
                try (id: row.integer(), member: row.text())
            }
            own += found.filter { $0.member == member.text }.map(\.id)
        }
        try markNotificationsRead(own)
    }

    /// Marks a member's oldest unread notifications behind `after` up to `newest` as read, at most `limit`; returns
    /// their ids, in ascending order.
    func markNotificationsRead(
        of member: MemberID, after: Int64, upTo newest: Int64, limit: Int
    ) throws -> [Int64] {
        let ids = try rows(
            """
            SELECT id FROM notifications
            WHERE member_id = \(member.text) AND is_read = 0 AND id > \(after) AND id <= \(newest)
            ORDER BY id LIMIT \(limit)
            """
        ) { try $0.integer() }
        try markNotificationsRead(ids)
        return ids
    }

    /// In the order of their ids, so that two who mark the same ones don't wait for each other.
    private func markNotificationsRead(_ ids: [Int64]) throws {
        try SQL.chunked(ids.sorted()) { chunk in
            try executeLater(
                """
                WITH picks AS MATERIALIZED (
                    SELECT id FROM notifications WHERE id \(in: chunk) AND is_read = 0 ORDER BY id \(.forUpdate))
                UPDATE notifications SET is_read = 1 WHERE id IN (SELECT id FROM picks)
                """)
        }
    }

    /// Takes away the oldest notifications that were written before an instant; returns how many. Looks at no more
    /// than `limit`: ids grow with time.
    func deleteNotifications(olderThan instant: Int64, limit: Int) throws -> Int {
        let oldest = try rows("SELECT id, created_at FROM notifications ORDER BY id LIMIT \(limit)") { row in
            try (id: row.integer(), at: row.integer())
        }
        return try deleteNotifications(oldest.filter { $0.at < instant }.map(\.id))
    }

    /// Takes away notifications about posts that are gone; returns how many.
    func deleteNotifications(about posts: [Int64], limit: Int) throws -> Int {
        try deleteNotifications(
            rows("SELECT id FROM notifications WHERE bounty_id \(in: posts) LIMIT \(limit)") {
                try $0.integer()
            })
    }

    /// By their ids: a statement that also looked for them would, on PostgreSQL, read the whole table while it is new.
    private func deleteNotifications(_ ids: [Int64]) throws -> Int {
        var gone = 0
        try SQL.chunked(ids) { gone += try execute("DELETE FROM notifications WHERE id \(in: $0)") }
        return gone
    }
}
