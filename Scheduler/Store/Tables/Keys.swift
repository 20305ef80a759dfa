package import Domain

/// Who holds a valid key.
package struct KeyHolder: Sendable {
    package let member: Member
    /// Milliseconds until the key ends by itself, when it was looked up; nil: it doesn't.
    package let expiresIn: Int64?
}

extension Transaction {
    func newKeyID() -> KeyID { .random(prefix: "key_", using: &random) }

    func insertKey(_ key: APIKey, hash: String, isConfigured: Bool = false) throws {
        try execute(
            """
            INSERT INTO api_keys (hash, id, member_id, name, prefix, created_at, expires_at, configured)
            VALUES (\(hash), \(key.id.text), \(key.member.text), \(key.name), \(key.prefix), \(key.createdAt),
                \(key.expiresAt), \(isConfigured))
            """)
    }

    /// The member that a valid API key belongs to.
    package func keyHolder(hash: String) throws -> KeyHolder? {
        try first(
            """
            SELECT \(raw: Self.memberColumns), expires_at FROM members JOIN api_keys ON member_id = members.id
            WHERE hash = \(hash) AND revoked_at IS NULL AND COALESCE(expires_at, \(Int64.max)) > \(now)
            """
        ) { row in
            try KeyHolder(member: Self.member(&row), expiresIn: row.optionalInteger().map { $0 - now })
        }
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

    /// Whose key it is, valid or not.
    package func keyMember(_ id: KeyID) throws -> MemberID? {
        try first("SELECT member_id FROM api_keys WHERE id = \(id.text)") { try MemberID($0.text()) }
    }

    func key(hash: String) throws -> APIKey? {
        try first("SELECT \(raw: Self.keyColumns) FROM api_keys WHERE hash = \(hash)") { try Self.key(&$0) }
    }

    /// A member's keys by id, or (nil) all of them, those behind `after`.
    package func keys(of member: MemberID?, after: KeyID?, limit: Int) throws -> [APIKey] {
        let whose: SQL = if let member { "member_id = \(member.text) AND" } else { "" }
        return try rows(
            """
            SELECT \(raw: Self.keyColumns) FROM api_keys WHERE \(sql: whose) id > \(after?.text ?? "")
            ORDER BY id LIMIT \(limit)
            """
        ) { try Self.key(&$0) }
    }

    /// False when it was revoked before.
    func endKey(_ id: KeyID) throws -> Bool {
        try execute("UPDATE api_keys SET revoked_at = \(now) WHERE id = \(id.text) AND revoked_at IS NULL") == 1
    }

    /// Lets it end at that time, unless it ends before.
    func expireKey(_ id: KeyID, at instant: Int64) throws {
        try execute(
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

    /// Notes that keys were used about now. A row that another process notes at this moment is left to it.
    package func noteKeyUses(_ hashes: [String]) throws {
        try SQL.chunked(hashes) { chunk in
            try execute(
                """
                WITH used AS MATERIALIZED (
                    SELECT hash AS sum FROM api_keys WHERE hash IN (\(list: chunk)) ORDER BY hash \(.skipLocked))
                UPDATE api_keys SET last_used_at = \(now) FROM used WHERE api_keys.hash = used.sum
                """)
        }
    }

    private static let keyColumns: StaticString = """
        id, member_id, name, prefix, created_at, last_used_at, expires_at, revoked_at
        """

    private static func key(_ row: inout Row) throws -> APIKey {
        try APIKey(
            id: KeyID(row.text()), member: MemberID(row.text()), name: row.optionalText(), prefix: row.text(),
            createdAt: row.integer(), lastUsedAt: row.optionalInteger(), expiresAt: row.optionalInteger(),
            revokedAt: row.optionalInteger())
    }
}
