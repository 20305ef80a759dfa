package import Domain

extension Transaction {
    /// Marks notifications as read; those that are another's, or gone, are passed over.
    ///
    /// Throws `Refusal.membersOnly`.
    package func markNotifications(_ ids: [Int64], of member: MemberID) throws {
        guard try callName(of: member) != nil else { throw Refusal.membersOnly }
        try markNotificationsRead(among: Array(Set(ids)), of: member)
    }

    /// Marks some of a member's notifications as read, the oldest first: those behind `after` up to `newest`, at most
    /// `limit`. Returns the last one, to go on from; nil when none is left.
    package func markNotifications(
        of member: MemberID, after: Int64, upTo newest: Int64, limit: Int
    ) throws -> Int64? {
        let marked = try markNotificationsRead(of: member, after: after, upTo: newest, limit: limit)
        return marked.count < limit ? nil : marked.last
    }
}
