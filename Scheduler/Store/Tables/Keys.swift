internal import Domain

extension Transaction {
    func newKeyID() -> KeyID { .random(prefix: "key_", using: &random) }

    func insertKey(_ key: APIKey, hash: String, isConfigured: Bool = false) throws {
        try executeLater(
            """
            INSERT INTO api_keys (hash, id, member_id, name, prefix, created_at, expires_at, configured,
                scope)
            VALUES (\(hash), \(key.id.text), \(key.member.text), \(key.name), \(key.prefix), \(key.createdAt),
                \(key.expiresAt), \(isConfigured), \(key.scope?.rawValue))
            """)
    }

    /// A member's unrevoked keys by their hashes, and the one of this hash whatever became of it. They stay as they
    /// are until the commit: what is decided of a member's keys is decided one after the other.
    func lockKeys(of member: MemberID, hash: String?) throws -> [(hash: String, key: APIKey)] {
        try rows(
            """
            SELECT \(raw: Self.keyColumns), hash FROM api_keys
            WHERE member_id = \(member.text) AND (revoked_at IS NULL OR hash = \(hash ?? "")) ORDER BY id \(.forUpdate)
            """
        ) { row in
            let key = try Self.key(&row)
            return (try row.text(), key)
        }
    }

    func key(_ id: KeyID, of member: MemberID) throws -> APIKey? {
        try first(
            "SELECT \(raw: Self.keyColumns) FROM api_keys WHERE id = \(id.text) AND member_id = \(member.text)"
        ) { try Self.key(&$0) }
    }

    func key(hash: String) throws -> APIKey? {
        try first("SELECT \(raw: Self.keyColumns) FROM api_keys WHERE hash = \(hash)") { try Self.key(&$0) }
    }

    /// False when it was revoked before.
    func endKey(_ id: KeyID) throws -> Bool {
        try execute("UPDATE api_keys SET revoked_at = \(now) WHERE id = \(id.text) AND revoked_at IS NULL") == 1
    }

    /// Lets it end at that time, unless it ends before.
    func expireKey(_ id: KeyID, at instant: Int64) throws {
        try executeLater(
            """
            UPDATE api_keys SET expires_at = \(instant)
            WHERE id = \(id.text) AND COALESCE(expires_at, \(Int64.max)) > \(instant)
            """)
    }

    /// The unrevoked keys of a member that came from the configuration: hash and id.
    func configuredKeys(of member: MemberID) throws -> [(hash: String, id: KeyID)] {
        try rows(
            """
            SELECT hash, id FROM api_keys
            WHERE member_id = \(member.text) AND configured = 1 AND revoked_at IS NULL ORDER BY id \(.forUpdate)
            """
        ) { try ($0.text(), KeyID($0.text())) }
    }

    /// A row that another process writes at this moment is left to it.
    func setLastUsed(_ hashes: [String]) throws {
        try SQL.chunked(hashes) { chunk in
            try executeLater(
                """
                WITH used AS MATERIALIZED (
                    SELECT hash AS sum FROM api_keys WHERE hash \(in: chunk) ORDER BY hash \(.skipLocked))
                UPDATE api_keys SET last_used_at = \(now) FROM used WHERE api_keys.hash = used.sum
                """)
        }
    }

    static let keyColumns: StaticString = """
        id, member_id, name, prefix, created_at, last_used_at, expires_at, revoked_at, scope
        """

    static func key(_ row: inout Row) throws -> APIKey {
        try APIKey(
            id: KeyID(row.text()), member: MemberID(row.text()), name: row.optionalText(), prefix: row.text(),
            createdAt: row.integer(), lastUsedAt: row.optionalInteger(), expiresAt: row.optionalInteger(),
            revokedAt: row.optionalInteger(), scope: scope(&row))
    }

    /// One that this program doesn't know lets nobody in: it is less than everything.
    static func scope(_ row: inout Row) throws -> APIKey.Scope? {
        try row.optionalText().map { text in
            guard let scope = APIKey.Scope(rawValue: text) else { throw InternalError.unreadable("scope \(text)") }
            return scope
        }
    }
}
