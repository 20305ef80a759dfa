/// What a member says to all (CONTRACT 5).
package struct ForumPost: Sendable, Equatable {
    /// Counted up by the database; newer is larger.
    package var id: Int64
    /// 1–255 characters.
    package var title: String
    /// 1–20,000 characters.
    package var content: String
    /// The author's handle, or the member's id when it has none: a name can be anyone's.
    package var author: String
    package var commentCount: Int64
    /// Milliseconds since 1970.
    package var createdAt: Int64

    package init(id: Int64, title: String, content: String, author: String, commentCount: Int64, createdAt: Int64) {
        self.id = id
        self.title = title
        self.content = content
        self.author = author
        self.commentCount = commentCount
        self.createdAt = createdAt
    }
}

/// How much one member may write, so that the forum stays readable and the database small.
package enum ForumQuota {
    /// The window that the quotas count in, in milliseconds: the last 24 hours.
    package static let window: Int64 = 86_400_000
    package static let posts: Int64 = 100
    package static let comments: Int64 = 1_000

    /// Whole seconds until one that was written at `oldest` leaves the window, at least 1.
    package static func retryAfterSeconds(oldest: Int64, now: Int64) -> Int64 {
        let (left, overflows) = oldest.subtractingReportingOverflow(now &- window)
        return overflows ? 1 : max(1, left / 1_000 + (left % 1_000 > 0 ? 1 : 0))
    }
}
