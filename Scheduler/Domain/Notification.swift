/// What a member is told of: something that another did (CONTRACT 7).
package struct Notification: Sendable, Equatable {
    /// Counted up by the database; newer is larger.
    package var id: Int64
    package var kind: Kind
    /// The post that it is about.
    package var bounty: Int64?
    /// nil also when the post was deleted.
    package var bountyTitle: String?
    package var comment: Int64?
    /// The handle of who did it, or the member's id when it has none.
    package var actorHandle: String
    package var isRead: Bool
    /// Milliseconds since 1970.
    package var createdAt: Int64

    /// The seed's types.
    package enum Kind: String, Sendable, CaseIterable {
        case commentOnPost = "comment_on_post"
        case replyOnComment = "reply_on_comment"
        case taskClaimed = "task_claimed"
        case taskAssigned = "task_assigned"
        case taskCompleted = "task_completed"
        case newMessage = "new_message"
        case taskCreated = "task_created"
        case taskInReview = "task_in_review"
        case taskCancelled = "task_cancelled"
    }

    package init(
        id: Int64, kind: Kind, bounty: Int64?, bountyTitle: String?, comment: Int64?, actorHandle: String,
        isRead: Bool, createdAt: Int64
    ) {
        self.id = id
        self.kind = kind
        self.bounty = bounty
        self.bountyTitle = bountyTitle
        self.comment = comment
        self.actorHandle = actorHandle
        self.isRead = isRead
        self.createdAt = createdAt
    }

    /// How long one is kept, in milliseconds: 90 days.
    package static let lasts: Int64 = 90 * 86_400_000
}
