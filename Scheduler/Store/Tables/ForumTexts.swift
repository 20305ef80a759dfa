internal import Domain

extension Transaction {
    /// What the forum calls a member, and that member's writing kept in a row until the commit; nil when there is no
    /// such member.
    func lockForumAuthor(_ member: MemberID) throws -> String? {
        try first("SELECT COALESCE(handle, id) FROM members WHERE id = \(member.text) \(.forUpdate)") {
            try $0.text()
        }
    }

    /// When the oldest of the member's last `count` posts within the window was written; nil when there are fewer.
    func oldestForumPost(of member: MemberID, last count: Int64, since: Int64) throws -> Int64? {
        try first(
            """
            SELECT created_at FROM forum_posts WHERE author_id = \(member.text) AND created_at > \(since)
            ORDER BY created_at DESC LIMIT 1 OFFSET \(count - 1)
            """
        ) { try $0.integer() }
    }

    /// As `oldestForumPost`, of comments.
    func oldestForumComment(of member: MemberID, last count: Int64, since: Int64) throws -> Int64? {
        try first(
            """
            SELECT created_at FROM forum_comments WHERE author_id = \(member.text) AND created_at > \(since)
            ORDER BY created_at DESC LIMIT 1 OFFSET \(count - 1)
            """
        ) { try $0.integer() }
    }

    func insertForumPost(by member: MemberID, title: String, content: String) throws -> Int64 {
        try inserted(
            """
            INSERT INTO forum_posts (author_id, title, content, created_at)
            VALUES (\(member.text), \(title), \(content), \(now)) RETURNING id
            """)
    }

    /// False when there is no such post. Others' comments on it wait until the commit.
    func countForumComment(on post: Int64) throws -> Bool {
        try execute("UPDATE forum_posts SET comment_count = comment_count + 1 WHERE id = \(post)") == 1
    }
}
