package import Domain

extension Transaction {
    /// False when the handle is taken.
    func insertMember(_ member: Member) throws -> Bool {
        try execute(
            """
            INSERT INTO members (id, handle, name, description, role, moltbook_id, wallet_address, created_at)
            VALUES (\(member.id.text), \(member.handle), \(member.name), \(member.description),
                \(member.role.rawValue), \(member.moltbookID), \(member.walletAddress), \(member.createdAt))
            ON CONFLICT (handle) DO NOTHING
            """) == 1
    }

    func insertKey(hash: String, member: MemberID, prefix: String) throws {
        try execute(
            """
            INSERT INTO api_keys (hash, member_id, prefix, created_at)
            VALUES (\(hash), \(member.text), \(prefix), \(now))
            """)
    }

    /// The member that an unrevoked API key belongs to.
    package func member(keyHash: String) throws -> Member? {
        try first(
            """
            SELECT \(raw: Self.memberColumns) FROM members JOIN api_keys ON member_id = members.id
            WHERE hash = \(keyHash) AND revoked_at IS NULL
            """
        ) { try Self.member(&$0) }
    }

    package func member(_ id: MemberID) throws -> Member? {
        try first("SELECT \(raw: Self.memberColumns) FROM members WHERE id = \(id.text)") { try Self.member(&$0) }
    }

    func updateMember(_ member: Member) throws {
        try execute(
            """
            UPDATE members SET name = \(member.name), description = \(member.description),
                moltbook_id = \(member.moltbookID), wallet_address = \(member.walletAddress)
            WHERE id = \(member.id.text)
            """)
    }

    private static let memberColumns: StaticString = """
        members.id, handle, name, description, role, moltbook_id, wallet_address, members.created_at
        """

    private static func member(_ row: inout Row) throws -> Member {
        let id = try MemberID(row.text())
        let handle = try row.optionalText()
        let name = try row.text()
        let description = try row.optionalText()
        let word = try row.text()
        guard let role = Member.Role(rawValue: word) else { throw DatabaseError.unreadable("role \(word)") }
        return try Member(
            id: id, handle: handle, name: name, description: description, role: role,
            moltbookID: row.optionalText(), walletAddress: row.optionalText(), createdAt: row.integer())
    }
}
