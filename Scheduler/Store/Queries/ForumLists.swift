package import Domain

extension Transaction {
    private static let postColumns: StaticString = """
        forum_posts.id, title, content, COALESCE(handle, members.id), comment_count, forum_posts.created_at
        """

    package func forumPost(_ id: Int64) throws -> ForumPost? {
        try first(
            """
            SELECT \(raw: Self.postColumns) FROM forum_posts JOIN members ON members.id = author_id
            WHERE forum_posts.id = \(id)
            """
        ) { try Self.forumPost(&$0) }
    }

    /// Posts, the newest first, those before the post `before`.
    package func forumPosts(before: Int64?, limit: Int) throws -> [ForumPost] {
        try rows(
            """
            SELECT \(raw: Self.postColumns) FROM forum_posts JOIN members ON members.id = author_id
            WHERE forum_posts.id < \(before ?? .max) ORDER BY forum_posts.id DESC LIMIT \(limit)
            """
        ) { try Self.forumPost(&$0) }
    }

    /// A post's comments, those behind `place` in the order.
    package func forumComments(
        on post: Int64, order: ForumComment.Order, after place: ForumComment.Place?, limit: Int
    ) throws -> [ForumComment] {
        let time = (at: place?.createdAt ?? .max, id: place?.id ?? .max)
        let page: SQL
        switch order {
        case .top:
            page = """
                AND (score, forum_comments.created_at, forum_comments.id)
                    < (\(place?.rank ?? .max), \(time.at), \(time.id))
                ORDER BY score DESC, forum_comments.created_at DESC, forum_comments.id DESC
                """
        case .controversial:
            page = """
                AND (0 - ABS(score), forum_comments.created_at, forum_comments.id)
                    < (\(place?.rank ?? .max), \(time.at), \(time.id))
                ORDER BY 0 - ABS(score) DESC, forum_comments.created_at DESC, forum_comments.id DESC
                """
        case .new:
            page = """
                AND (forum_comments.created_at, forum_comments.id) < (\(time.at), \(time.id))
                ORDER BY forum_comments.created_at DESC, forum_comments.id DESC
                """
        case .old:
            page = """
                AND (forum_comments.created_at, forum_comments.id)
                    > (\(place?.createdAt ?? .min), \(place?.id ?? .min))
                ORDER BY forum_comments.created_at, forum_comments.id
                """
        }
        return try rows(
            """
            SELECT forum_comments.id, post_id, parent_id, content, score, forum_comments.created_at,
                COALESCE(handle, members.id)
            FROM forum_comments JOIN members ON members.id = author_id
            WHERE post_id = \(post) \(sql: page) LIMIT \(limit)
            """
        ) { row in
            try ForumComment(
                id: row.integer(), post: row.integer(), parent: row.optionalInteger(), content: row.text(),
                score: row.integer(), createdAt: row.integer(), author: row.text())
        }
    }

    private static func forumPost(_ row: inout Row) throws -> ForumPost {
        try ForumPost(
            id: row.integer(), title: row.text(), content: row.text(), author: row.text(),
            commentCount: row.integer(), createdAt: row.integer())
    }
}
