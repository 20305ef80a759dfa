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

    private static func forumPost(_ row: inout Row) throws -> ForumPost {
        try ForumPost(
            id: row.integer(), title: row.text(), content: row.text(), author: row.text(),
            commentCount: row.integer(), createdAt: row.integer())
    }
}
