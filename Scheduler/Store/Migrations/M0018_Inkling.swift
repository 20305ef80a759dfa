extension Migration {
    /// Companion devices, what they tell each other, and who vouches for whom (CONTRACT 8).
    static let inkling = Migration(name: "0018_inkling") { _ in inklings + mail + trust }

    /// A device's own row is locked by its own calls; what others do to it (mail, endorsements) has rows of its own, so
    /// that two who act on each other don't wait for each other.
    private static let inklings: [SQL] = [
        """
        CREATE TABLE inklings (
            public_key \(.text) PRIMARY KEY,
            id \(.text) NOT NULL,
            name \(.text) NOT NULL,
            hardware_hash \(.text),
            is_banned BIGINT NOT NULL DEFAULT 0 CHECK (is_banned IN (0, 1)),
            parent_key \(.text),
            child_number BIGINT,
            generation BIGINT NOT NULL DEFAULT 0 CHECK (generation >= 0),
            traits \(.text),
            children BIGINT NOT NULL DEFAULT 0 CHECK (children >= 0),
            created_at BIGINT NOT NULL,
            CHECK ((parent_key IS NULL) = (child_number IS NULL)),
            CHECK ((parent_key IS NULL) = (generation = 0)))
        """,
        "CREATE UNIQUE INDEX inklings_by_parent ON inklings (parent_key, child_number)",
        """
        CREATE TABLE dreams (
            id \(.text) PRIMARY KEY,
            author_key \(.text) NOT NULL,
            content \(.text) NOT NULL,
            mood \(.text),
            face \(.text),
            fish_count BIGINT NOT NULL DEFAULT 0 CHECK (fish_count >= 0),
            created_at BIGINT NOT NULL)
        """,
        """
        CREATE TABLE oracle_calls (
            id \(.text) PRIMARY KEY,
            public_key \(.text) NOT NULL,
            day BIGINT NOT NULL,
            tokens BIGINT NOT NULL CHECK (tokens > 0),
            digest \(.text) NOT NULL,
            expires_at BIGINT NOT NULL)
        """,
        "CREATE INDEX oracle_calls_by_end ON oracle_calls (expires_at)",
    ]

    /// A public postcard is to nobody: '' has an index of its own with that of a device.
    private static let mail: [SQL] = [
        """
        CREATE TABLE mailboxes (
            public_key \(.text) PRIMARY KEY,
            last_position BIGINT NOT NULL CHECK (last_position > 0))
        """,
        """
        CREATE TABLE telegrams (
            to_key \(.text) NOT NULL,
            position BIGINT NOT NULL,
            id \(.text) NOT NULL,
            from_key \(.text) NOT NULL,
            content \(.text) NOT NULL,
            content_nonce \(.text) NOT NULL,
            sender_encryption_key \(.text),
            read_at BIGINT,
            created_at BIGINT NOT NULL,
            PRIMARY KEY (to_key, position))
        """,
        "CREATE INDEX telegrams_unread ON telegrams (to_key, position) WHERE read_at IS NULL",
        "CREATE INDEX telegrams_by_age ON telegrams (created_at)",
        """
        CREATE TABLE postcards (
            id \(.text) PRIMARY KEY,
            to_key \(.text) NOT NULL,
            position BIGINT,
            from_key \(.text) NOT NULL,
            image_data \(.text) NOT NULL,
            width BIGINT NOT NULL,
            height BIGINT NOT NULL,
            caption \(.text),
            created_at BIGINT NOT NULL,
            CHECK ((to_key = '') = (position IS NULL)))
        """,
        "CREATE INDEX postcards_by_recipient ON postcards (to_key, id)",
        "CREATE UNIQUE INDEX postcards_by_position ON postcards (to_key, position)",
    ]

    private static let trust: [SQL] = [
        """
        CREATE TABLE baptisms (
            public_key \(.text) PRIMARY KEY,
            is_blessed BIGINT NOT NULL DEFAULT 0 CHECK (is_blessed IN (0, 1)),
            is_verified BIGINT NOT NULL DEFAULT 0 CHECK (is_verified IN (0, 1)),
            request_id \(.text),
            message \(.text),
            requested_at BIGINT,
            level_1 BIGINT NOT NULL DEFAULT 0 CHECK (level_1 >= 0),
            level_2 BIGINT NOT NULL DEFAULT 0 CHECK (level_2 >= 0),
            level_3 BIGINT NOT NULL DEFAULT 0 CHECK (level_3 >= 0),
            level_4 BIGINT NOT NULL DEFAULT 0 CHECK (level_4 >= 0),
            level_5 BIGINT NOT NULL DEFAULT 0 CHECK (level_5 >= 0),
            CHECK (is_blessed = 0 OR is_verified = 1),
            CHECK ((request_id IS NULL) = (requested_at IS NULL)))
        """,
        "CREATE INDEX baptisms_to_decide ON baptisms (is_verified, request_id)",
        """
        CREATE TABLE endorsements (
            target_key \(.text) NOT NULL,
            endorser_key \(.text) NOT NULL,
            id \(.text) NOT NULL,
            level BIGINT NOT NULL CHECK (level BETWEEN 1 AND 5),
            message \(.text),
            created_at BIGINT NOT NULL,
            PRIMARY KEY (target_key, endorser_key))
        """,
        "CREATE UNIQUE INDEX endorsements_by_target ON endorsements (target_key, id)",
    ]
}
