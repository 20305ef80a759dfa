internal import Domain

/// Where comments are kept, by what they are on.
package enum CommentTable: Sendable {
    case forum, bounties

    var name: StaticString {
        switch self {
        case .forum: "forum_comments"
        case .bounties: "bounty_comments"
        }
    }
}

extension Transaction {
    /// What a member is called by others: its handle, or its id when it has none; nil when there is no such member.
    func callName(of member: MemberID) throws -> String? {
        try first("SELECT COALESCE(handle, id) FROM members WHERE id = \(member.text)") { try $0.text() }
    }

    func insertComment(
        into table: CommentTable, on post: Int64, replyingTo parent: Int64?, by member: MemberID, content: String
    ) throws -> Int64 {
        try inserted(
            """
            INSERT INTO \(raw: table.name) (post_id, parent_id, author_id, content, created_at)
            VALUES (\(post), \(parent), \(member.text), \(content), \(now)) RETURNING id
            """)
    }

    /// Who wrote a comment; nil when it is none of the post's.
    func commentAuthor(_ id: Int64, on post: Int64, in table: CommentTable) throws -> MemberID? {
        try first("SELECT author_id FROM \(raw: table.name) WHERE id = \(id) AND post_id = \(post)") {
            try MemberID($0.text())
        }
    }

    /// Whose post it is; nil when there is no such post. Others' comments on it wait until the commit.
    func countBountyComment(on post: Int64) throws -> MemberID? {
        try first(
            "UPDATE bounties SET comment_count = comment_count + 1 WHERE id = \(post) RETURNING author_id"
        ) { try MemberID($0.text()) }
    }

    /// Takes away comments on posts that are gone; returns how many.
    func deleteBountyComments(on posts: [Int64], limit: Int) throws -> Int {
        let ids = try rows("SELECT id FROM bounty_comments WHERE post_id \(in: posts) LIMIT \(limit)") {
            try $0.integer()
        }
        var gone = 0
        try SQL.chunked(ids) { gone += try execute("DELETE FROM bounty_comments WHERE id \(in: $0)") }
        return gone
    }

    /// The key that the database gave to what an insertion returns.
    func inserted(_ statement: SQL) throws -> Int64 {
        guard let id = try first(statement, { try $0.integer() }) else {
            throw DatabaseError.decoding("of an insertion is missing")
        }
        return id
    }
}
