extension Migration {
    /// What members of bee:hack are to each other: whom they follow, what they say, and what they are told.
    static let social = Migration(name: "0015_social") { _ in members + comments + messages + notifications }

    /// How many follow a member, and how many it follows, stand in its row: `follows` is never counted.
    private static let members: [SQL] = [
        "ALTER TABLE members ADD COLUMN identity_url \(.text)",
        "ALTER TABLE members ADD COLUMN followers BIGINT NOT NULL DEFAULT 0 CHECK (followers >= 0)",
        "ALTER TABLE members ADD COLUMN following BIGINT NOT NULL DEFAULT 0 CHECK (following >= 0)",
        """
        CREATE TABLE follows (
            follower_id \(.text) NOT NULL,
            followee_id \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (follower_id, followee_id),
            CHECK (follower_id <> followee_id))
        """,
    ]

    private static let comments: [SQL] = [
        """
        CREATE TABLE bounty_comments (
            id \(.autoKey),
            post_id BIGINT NOT NULL,
            parent_id BIGINT CHECK (parent_id < id),
            author_id \(.text) NOT NULL,
            content \(.text) NOT NULL,
            score BIGINT NOT NULL DEFAULT 0,
            created_at BIGINT NOT NULL)
        """,
        "CREATE INDEX bounty_comments_by_author ON bounty_comments (author_id, id)",
        "CREATE INDEX bounty_comments_by_time ON bounty_comments (post_id, created_at, id)",
        "CREATE INDEX bounty_comments_by_score ON bounty_comments (post_id, score, created_at, id)",
        """
        CREATE INDEX bounty_comments_by_controversy ON bounty_comments
            (post_id, (0 - ABS(score)), created_at, id)
        """,
    ]

    private static let messages: [SQL] = [
        """
        CREATE TABLE messages (
            id \(.autoKey),
            sender_id \(.text) NOT NULL,
            recipient_id \(.text) NOT NULL,
            content \(.text) NOT NULL,
            created_at BIGINT NOT NULL,
            CHECK (sender_id <> recipient_id))
        """,
        "CREATE INDEX messages_by_sender ON messages (sender_id, id)",
        "CREATE INDEX messages_by_recipient ON messages (recipient_id, id)",
    ]

    private static let notifications: [SQL] = [
        """
        CREATE TABLE notifications (
            id \(.autoKey),
            member_id \(.text) NOT NULL,
            type \(.text) NOT NULL,
            bounty_id BIGINT,
            comment_id BIGINT,
            actor_id \(.text) NOT NULL,
            is_read BIGINT NOT NULL DEFAULT 0 CHECK (is_read IN (0, 1)),
            created_at BIGINT NOT NULL,
            CHECK (member_id <> actor_id))
        """,
        "CREATE INDEX notifications_by_member ON notifications (member_id, id)",
        "CREATE INDEX notifications_unread ON notifications (member_id, id) WHERE is_read = 0",
        "CREATE INDEX notifications_by_bounty ON notifications (bounty_id) WHERE bounty_id IS NOT NULL",
    ]
}
