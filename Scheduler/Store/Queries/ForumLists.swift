package import Domain

extension Transaction {
    private static let postColumns: StaticString = """
        id, title, content, author_id, comment_count, created_at
        """

    package func forumPost(_ id: Int64) throws -> ForumPost? {
        try readForumPosts("SELECT \(raw: Self.postColumns) FROM forum_posts WHERE id = \(id)").first
    }

    /// Posts, the newest first, those before the post `before`.
    package func forumPosts(before: Int64?, limit: Int) throws -> [ForumPost] {
        try readForumPosts(
            """
            SELECT \(raw: Self.postColumns) FROM forum_posts
            WHERE id < \(before ?? .max) ORDER BY id DESC LIMIT \(limit)
            """)
    }

    private func readForumPosts(_ sql: SQL) throws -> [ForumPost] {
        var found = try rows(sql) { row in
            try ForumPost(
                id: row.integer(), title: row.text(), content: row.text(), author: row.text(),
                commentCount: row.integer(), createdAt: row.integer())
        }
        try putHandles(in: &found) { $0.author = $1($0.author) }
        return found
    }
}
