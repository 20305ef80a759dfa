internal import Domain

extension Transaction {
    /// Tells `member` what `actor` did; nobody is told of what it did itself.
    func notify(
        _ type: Notification.Kind, to member: MemberID, by actor: MemberID, bounty: Int64?, comment: Int64? = nil
    ) throws {
        guard member != actor else { return }
        try execute(
            """
            INSERT INTO notifications (member_id, type, bounty_id, comment_id, actor_id, created_at)
            VALUES (\(member.text), \(type.rawValue), \(bounty), \(comment), \(actor.text), \(now))
            """)
    }

    /// Marks those of a member's notifications as read that it has among `ids`, in ascending order.
    func markNotificationsRead(_ ids: ArraySlice<Int64>, of member: MemberID) throws {
        try execute(
            """
            WITH picks AS MATERIALIZED (
                SELECT id FROM notifications WHERE id IN (\(list: ids)) AND member_id = \(member.text) AND is_read = 0
                ORDER BY id \(.forUpdate))
            UPDATE notifications SET is_read = 1 WHERE id IN (SELECT id FROM picks)
            """)
    }

    /// Marks a member's oldest unread notifications behind `after` up to `newest` as read, at most `limit`; returns
    /// their ids.
    func markNotificationsRead(
        of member: MemberID, after: Int64, upTo newest: Int64, limit: Int
    ) throws -> [Int64] {
        try rows(
            """
            WITH picks AS MATERIALIZED (
                SELECT id FROM notifications
                WHERE member_id = \(member.text) AND is_read = 0 AND id > \(after) AND id <= \(newest)
                ORDER BY id LIMIT \(limit) \(.forUpdate))
            UPDATE notifications SET is_read = 1 WHERE id IN (SELECT id FROM picks) RETURNING id
            """
        ) { try $0.integer() }
    }

    /// Takes away the oldest notifications that were written before an instant; returns how many. Looks at no more
    /// than `limit`: ids grow with time.
    func deleteNotifications(olderThan instant: Int64, limit: Int) throws -> Int {
        try execute(
            """
            WITH oldest AS MATERIALIZED (SELECT id, created_at FROM notifications ORDER BY id LIMIT \(limit))
            DELETE FROM notifications WHERE id IN (SELECT id FROM oldest WHERE created_at < \(instant))
            """)
    }

    /// Takes away notifications about posts that are gone; returns how many.
    func deleteNotifications(about posts: [Int64], limit: Int) throws -> Int {
        try execute(
            """
            DELETE FROM notifications WHERE id IN
                (SELECT id FROM notifications WHERE bounty_id IN (\(list: posts)) LIMIT \(limit))
            """)
    }
}
