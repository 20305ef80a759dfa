/// A comment on a post, of the forum or of bee:hack, or on another comment of the same post (CONTRACT 5, 7).
package struct PostComment: Sendable, Equatable {
    /// Counted up by the database; newer is larger.
    package var id: Int64
    package var post: Int64
    /// The comment that it replies to.
    package var parent: Int64?
    /// 1–20,000 characters.
    package var content: String
    /// What others think of it. Nothing moves it yet.
    package var score: Int64
    /// Milliseconds since 1970.
    package var createdAt: Int64
    /// The handle of who wrote it, or the member's id when it has none.
    package var author: String

    package init(
        id: Int64, post: Int64, parent: Int64?, content: String, score: Int64, createdAt: Int64, author: String
    ) {
        self.id = id
        self.post = post
        self.parent = parent
        self.content = content
        self.score = score
        self.createdAt = createdAt
        self.author = author
    }

    /// The order of a list of comments (bee:hack's seed, Comments).
    package enum Order: String, Sendable, CaseIterable {
        /// The highest score first, then the newest.
        case top
        case new, old
        /// The score nearest to 0 first, then the newest.
        case controversial
    }

    /// Where a comment stands in one of the orders: what a list goes on from.
    package struct Place: Sendable, Equatable {
        /// What is compared before the time.
        package var rank: Int64
        package var createdAt: Int64
        package var id: Int64

        package init(rank: Int64, createdAt: Int64, id: Int64) {
            self.rank = rank
            self.createdAt = createdAt
            self.id = id
        }
    }

    package func place(in order: Order) -> Place {
        let rank =
            switch order {
            case .top: score
            case .new, .old: Int64(0)
            case .controversial: Int64(0) &- (score < 0 ? Int64(0) &- score : score)
            }
        return Place(rank: rank, createdAt: createdAt, id: id)
    }
}
