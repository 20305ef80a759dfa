package import Domain

extension Transaction {
    /// Throws `Refusal.membersOnly` when the author is no member, `.quota` after `ForumQuota.posts` in 24 hours.
    package func createForumPost(
        by member: MemberID, actor: String, title: String, content: String
    ) throws -> ForumPost {
        guard let author = try lockForumAuthor(member) else { throw Refusal.membersOnly }
        let window = now - ForumQuota.window
        if let oldest = try oldestForumPost(of: member, last: ForumQuota.posts, since: window) {
            throw Refusal.quota(
                "posts within a day", retryAfterSeconds: ForumQuota.retryAfterSeconds(oldest: oldest, now: now))
        }
        let id = try insertForumPost(by: member, title: title, content: content)
        try record(Event(owner: OwnerID(member.text), type: .forumPostCreated, actor: actor, object: String(id)))
        return ForumPost(id: id, title: title, content: content, author: author, commentCount: 0, createdAt: now)
    }

    /// Adds a comment to a post, or to a comment of that post, and counts it.
    ///
    /// Throws `Refusal.membersOnly`, `.quota` after `ForumQuota.comments` in 24 hours, `.notFound` for an unknown post,
    /// `.invalid` for a parent that is none of the post's comments.
    package func addForumComment(
        on post: Int64, replyingTo parent: Int64?, by member: MemberID, actor: String, content: String
    ) throws -> PostComment {
        guard let author = try lockForumAuthor(member) else { throw Refusal.membersOnly }
        let window = now - ForumQuota.window
        if let oldest = try oldestForumComment(of: member, last: ForumQuota.comments, since: window) {
            throw Refusal.quota(
                "comments within a day", retryAfterSeconds: ForumQuota.retryAfterSeconds(oldest: oldest, now: now))
        }
        guard try countForumComment(on: post) else { throw Refusal.notFound("post") }
        let new = NewComment(post: post, parent: parent, member: member, actor: actor, content: content)
        return try writeComment(new, in: .forum, author: author, as: .forumCommentAdded).comment
    }
}
