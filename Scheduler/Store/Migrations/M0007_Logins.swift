extension Migration {
    /// What members sign in with: names and passwords of ours, and identities of OIDC issuers. Tokens that were issued
    /// before `tokens_since` are void.
    static let logins = Migration(name: "0007_logins") { _ in
        [
            """
            CREATE TABLE logins (
                username \(.text) PRIMARY KEY,
                member_id \(.text) NOT NULL,
                password_hash \(.text) NOT NULL,
                tokens_since BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                disabled_at BIGINT)
            """,
            "CREATE INDEX logins_by_member ON logins (member_id)",
            """
            CREATE TABLE oidc_identities (
                issuer \(.text) NOT NULL,
                subject \(.text) NOT NULL,
                member_id \(.text) NOT NULL,
                tokens_since BIGINT NOT NULL,
                created_at BIGINT NOT NULL,
                disabled_at BIGINT,
                PRIMARY KEY (issuer, subject))
            """,
            "CREATE INDEX oidc_identities_by_member ON oidc_identities (member_id)",
        ]
    }
}
