internal import Domain

extension Transaction {
    /// False when the handle is taken.
    func insertMember(_ member: Member, identityURL: String? = nil) throws -> Bool {
        try execute(
            """
            INSERT INTO members (id, handle, name, description, role, moltbook_id, wallet_address, identity_url,
                created_at)
            VALUES (\(member.id.text), \(member.handle), \(member.name), \(member.description),
                \(member.role.rawValue), \(member.moltbookID), \(member.walletAddress), \(identityURL),
                \(member.createdAt))
            ON CONFLICT (handle) DO NOTHING
            """) == 1
    }

    /// Changes to a member come one after the other.
    func lockMember(_ id: MemberID) throws -> Member? {
        try first("SELECT \(raw: Self.memberColumns) FROM members WHERE id = \(id.text) \(.forUpdate)") {
            try Self.member(&$0)
        }
    }

    /// False when it has this role already, or is the queenbee.
    func setRole(of id: MemberID, to role: Member.Role) throws -> Bool {
        try execute(
            """
            UPDATE members SET role = \(role.rawValue)
            WHERE id = \(id.text) AND role <> \(role.rawValue) AND role <> 'queenbee'
            """) == 1
    }

    func updateMember(_ member: Member) throws {
        try executeLater(
            """
            UPDATE members SET name = \(member.name), description = \(member.description),
                moltbook_id = \(member.moltbookID), wallet_address = \(member.walletAddress)
            WHERE id = \(member.id.text)
            """)
    }

    static let memberColumns: StaticString = """
        members.id, handle, members.name, description, role, moltbook_id, wallet_address, members.created_at
        """

    static func member(_ row: inout Row) throws -> Member {
        let id = try MemberID(row.text())
        let handle = try row.optionalText()
        let name = try row.text()
        let description = try row.optionalText()
        let role: Member.Role = try row.word()
        return try Member(
            id: id, handle: handle, name: name, description: description, role: role,
            moltbookID: row.optionalText(), walletAddress: row.optionalText(), createdAt: row.integer())
    }
}
