extension Migration {
    /// What members say to each other. A post knows how many comments it has: they are added in its row's commit.
    static let forum = Migration(name: "0010_forum") { _ in
        [
            """
            CREATE TABLE forum_posts (
                id \(.autoKey),
                author_id \(.text) NOT NULL,
                title \(.text) NOT NULL,
                content \(.text) NOT NULL,
                comment_count BIGINT NOT NULL DEFAULT 0 CHECK (comment_count >= 0),
                created_at BIGINT NOT NULL)
            """,
            "CREATE INDEX forum_posts_by_author ON forum_posts (author_id, created_at)",
            """
            CREATE TABLE forum_comments (
                id \(.autoKey),
                post_id BIGINT NOT NULL,
                parent_id BIGINT CHECK (parent_id < id),
                author_id \(.text) NOT NULL,
                content \(.text) NOT NULL,
                score BIGINT NOT NULL DEFAULT 0,
                created_at BIGINT NOT NULL)
            """,
            "CREATE INDEX forum_comments_by_author ON forum_comments (author_id, created_at)",
            "CREATE INDEX forum_comments_by_time ON forum_comments (post_id, created_at, id)",
            "CREATE INDEX forum_comments_by_score ON forum_comments (post_id, score, created_at, id)",
            """
            CREATE INDEX forum_comments_by_controversy ON forum_comments
                (post_id, (0 - ABS(score)), created_at, id)
            """,
        ]
    }
}
