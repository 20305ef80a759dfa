extension Migration {
    /// Keys that are named, listed, rotated and end by themselves; which of them came from `QUEENBEE_API_KEY`.
    static let keys = Migration(name: "0006_keys") { _ in
        [
            "ALTER TABLE api_keys ADD COLUMN id \(.text) NOT NULL DEFAULT ''",
            "ALTER TABLE api_keys ADD COLUMN name \(.text)",
            "ALTER TABLE api_keys ADD COLUMN expires_at BIGINT",
            "ALTER TABLE api_keys ADD COLUMN configured BIGINT NOT NULL DEFAULT 0",
            // A hash is 64 hex digits of a key of 192 random bits: no part of it tells anything of the key.
            "UPDATE api_keys SET id = 'key_' || substr(hash, 1, 16)",
            "CREATE UNIQUE INDEX api_keys_by_id ON api_keys (id)",
        ]
    }
}
