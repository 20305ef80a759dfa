package import Domain

/// A comment as its author gives it.
struct NewComment {
    var post: Int64
    /// The comment that it replies to.
    var parent: Int64?
    var member: MemberID
    var actor: String
    var content: String
}

extension Transaction {
    /// Writes a comment on a post whose row is locked, since it was counted there; and who wrote the one that it
    /// replies to.
    ///
    /// Throws `Refusal.invalid` for a parent that is none of the post's comments.
    func writeComment(
        _ new: NewComment, in table: CommentTable, author: String, as type: EventType
    ) throws -> (comment: PostComment, parentAuthor: MemberID?) {
        let parentAuthor = try new.parent.flatMap { try commentAuthor($0, on: new.post, in: table) }
        guard new.parent == nil || parentAuthor != nil else {
            throw Refusal.invalid(field: "parent_id", message: "parent_id must be a comment on the same post")
        }
        let id = try insertComment(
            into: table, on: new.post, replyingTo: new.parent, by: new.member, content: new.content)
        try record(
            Event(
                owner: OwnerID(new.member.text), type: type, actor: new.actor, object: String(id),
                metadata: "{\"post_id\":\"\(new.post)\"}"))
        let comment = PostComment(
            id: id, post: new.post, parent: new.parent, content: new.content, score: 0, createdAt: now, author: author)
        return (comment, parentAuthor)
    }

    /// Adds a comment to a post of bee:hack, or to a comment of that post, counts it, and tells the post's author, or
    /// whom it replies to (CONTRACT 7).
    ///
    /// Throws `Refusal.membersOnly`, `.notFound` for an unknown post, `.invalid` for a parent that is none of the
    /// post's comments.
    package func addBountyComment(
        on post: Int64, replyingTo parent: Int64?, by member: MemberID, actor: String, content: String
    ) throws -> PostComment {
        guard let author = try callName(of: member) else { throw Refusal.membersOnly }
        guard let poster = try countBountyComment(on: post) else { throw Refusal.notFound("post") }
        let new = NewComment(post: post, parent: parent, member: member, actor: actor, content: content)
        let (comment, parentAuthor) = try writeComment(
            new, in: .bounties, author: author, as: .bountyCommentAdded)
        if let parentAuthor {
            try notify(.replyOnComment, to: parentAuthor, by: member, bounty: post, comment: comment.id)
        } else {
            try notify(.commentOnPost, to: poster, by: member, bounty: post, comment: comment.id)
        }
        return comment
    }
}
