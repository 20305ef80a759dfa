package import Domain

extension Transaction {
    /// Follows a member. Following it already changes nothing.
    ///
    /// Throws `Refusal.membersOnly`, `.notFound`, `.invalid` for oneself, `.wrongState` beyond `Follows.limit`.
    package func follow(_ name: String, by member: MemberID, actor: String) throws {
        let followee = try lockFollowee(name, of: member)
        guard try insertFollow(of: followee, by: member) else { return }
        guard try countFollow(of: followee, by: member, 1) else {
            throw Refusal.wrongState("You follow \(Follows.limit) users already; unfollow one first")
        }
        try record(
            Event(owner: OwnerID(member.text), type: .memberFollowed, actor: actor, object: followee.text))
    }

    /// Ends what `follow` began. Not following it changes nothing.
    ///
    /// Throws `Refusal.membersOnly`, `.notFound`, `.invalid` for oneself.
    package func unfollow(_ name: String, by member: MemberID, actor: String) throws {
        let followee = try lockFollowee(name, of: member)
        guard try deleteFollow(of: followee, by: member) else { return }
        _ = try countFollow(of: followee, by: member, -1)
        try record(
            Event(owner: OwnerID(member.text), type: .memberUnfollowed, actor: actor, object: followee.text))
    }

    private func lockFollowee(_ name: String, of member: MemberID) throws -> MemberID {
        guard let followee = try memberID(named: name) else {
            guard try callName(of: member) != nil else { throw Refusal.membersOnly }
            throw Refusal.notFound("user")
        }
        guard try lockMembers(followee, member).contains(member) else { throw Refusal.membersOnly }
        guard followee != member else { throw Refusal.invalid(field: "name", message: "You can't follow yourself") }
        return followee
    }
}
