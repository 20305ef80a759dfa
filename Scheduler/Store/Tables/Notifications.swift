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
}
