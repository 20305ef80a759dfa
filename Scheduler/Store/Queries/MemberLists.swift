package import Domain

extension Transaction {
    package func member(_ id: MemberID) throws -> Member? {
        try first("SELECT \(raw: Self.memberColumns) FROM members WHERE id = \(id.text)") { try Self.member(&$0) }
    }

    package func member(handle: String) throws -> Member? {
        try first("SELECT \(raw: Self.memberColumns) FROM members WHERE handle = \(handle)") { try Self.member(&$0) }
    }

    /// All members by id, which is by age, those behind `after`.
    package func members(after: MemberID?, limit: Int) throws -> [Member] {
        try rows(
            """
            SELECT \(raw: Self.memberColumns) FROM members WHERE id > \(after?.text ?? "") ORDER BY id LIMIT \(limit)
            """
        ) { try Self.member(&$0) }
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

    /// Whose key it is, valid or not.
    package func keyMember(_ id: KeyID) throws -> MemberID? {
        try first("SELECT member_id FROM api_keys WHERE id = \(id.text)") { try MemberID($0.text()) }
    }
}
