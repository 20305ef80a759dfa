/// A member as others see it (CONTRACT 7).
package struct Profile: Sendable {
    package var id: MemberID
    /// The handle, or the member's id when it has none.
    package var handle: String
    package var name: String
    package var description: String?
    package var identityURL: String?
    /// Milliseconds since 1970.
    package var createdAt: Int64
    /// What it may spend.
    package var points: Int64
    /// How many follow it.
    package var followers: Int64
    /// How many it follows.
    package var following: Int64

    package init(
        id: MemberID, handle: String, name: String, description: String?, identityURL: String?, createdAt: Int64,
        points: Int64, followers: Int64, following: Int64
    ) {
        self.id = id
        self.handle = handle
        self.name = name
        self.description = description
        self.identityURL = identityURL
        self.createdAt = createdAt
        self.points = points
        self.followers = followers
        self.following = following
    }

    /// How many posts, comments and claimed tasks are shown with it: the newest of each.
    package static let shown = 100
}

/// A comment in its author's profile.
package struct ProfileComment: Sendable {
    package var comment: PostComment
    /// nil when the post was deleted.
    package var postTitle: String?

    package init(comment: PostComment, postTitle: String?) {
        self.comment = comment
        self.postTitle = postTitle
    }
}

/// A post in the profile of its author, or of who claimed it.
package struct ProfilePost: Sendable {
    package var id: Int64
    package var title: String
    package var url: String?
    package var status: Bounty.Status
    package var points: Int64
    /// Milliseconds since 1970.
    package var createdAt: Int64
    /// When it was claimed.
    package var claimedAt: Int64?

    package init(
        id: Int64, title: String, url: String?, status: Bounty.Status, points: Int64, createdAt: Int64,
        claimedAt: Int64?
    ) {
        self.id = id
        self.title = title
        self.url = url
        self.status = status
        self.points = points
        self.createdAt = createdAt
        self.claimedAt = claimedAt
    }
}

/// Who follows whom.
package enum Follows {
    /// How many one member may follow: its own feed reads them all.
    package static let limit: Int64 = 500
}
