package import Domain

extension Transaction {
    /// A member by its handle, however it is written, or by its id: who has no handle is called by that.
    package func memberID(named name: String) throws -> MemberID? {
        if let handle = Handles.read(name) {
            return try first("SELECT id FROM members WHERE handle = \(handle)") { try MemberID($0.text()) }
        }
        guard OwnerID.isValid(name) else { return nil }
        return try first("SELECT id FROM members WHERE id = \(name)") { try MemberID($0.text()) }
    }

    package func profile(_ id: MemberID) throws -> Profile? {
        let points = Account(OwnerID(id.text), .points, .available)
        return try first(
            """
            SELECT members.id, COALESCE(handle, members.id), name, description, identity_url, created_at,
                COALESCE((SELECT balance FROM ledger_accounts WHERE id = \(points.id)), 0), followers, following
            FROM members WHERE members.id = \(id.text)
            """
        ) { row in
            try Profile(
                id: MemberID(row.text()), handle: row.text(), name: row.text(), description: row.optionalText(),
                identityURL: row.optionalText(), createdAt: row.integer(), points: row.integer(),
                followers: row.integer(), following: row.integer())
        }
    }

    /// What a member posted, the newest first.
    package func posts(by author: MemberID, limit: Int) throws -> [ProfilePost] {
        try profilePosts("author_id = \(author.text)", limit: limit)
    }

    /// The tasks that a member works on or worked on, the newest first.
    package func claimedTasks(of assignee: MemberID, limit: Int) throws -> [ProfilePost] {
        try profilePosts("claimed_by = \(assignee.text)", limit: limit)
    }

    private func profilePosts(_ condition: SQL, limit: Int) throws -> [ProfilePost] {
        try rows(
            """
            SELECT id, title, url, status, points, created_at, claimed_at FROM bounties
            WHERE \(sql: condition) ORDER BY id DESC LIMIT \(limit)
            """
        ) { row in
            let (id, title, url) = try (row.integer(), row.text(), row.optionalText())
            guard let status = Bounty.Status(rank: try row.integer()) else {
                throw InternalError.unreadable("the status of post \(id)")
            }
            return try ProfilePost(
                id: id, title: title, url: url, status: status, points: row.integer(), createdAt: row.integer(),
                claimedAt: row.optionalInteger())
        }
    }

    /// What a member commented on posts of bee:hack, the newest first.
    package func bountyComments(by author: MemberID, limit: Int) throws -> [ProfileComment] {
        try rows(
            """
            SELECT id, post_id, parent_id, content, score, created_at,
                (SELECT title FROM bounties WHERE bounties.id = post_id)
            FROM bounty_comments WHERE author_id = \(author.text) ORDER BY id DESC LIMIT \(limit)
            """
        ) { row in
            let comment = try PostComment(
                id: row.integer(), post: row.integer(), parent: row.optionalInteger(), content: row.text(),
                score: row.integer(), createdAt: row.integer(), author: author.text)
            return ProfileComment(comment: comment, postTitle: try row.optionalText())
        }
    }

    package func isBounty(_ id: Int64) throws -> Bool {
        try first("SELECT 1 FROM bounties WHERE id = \(id)") { try $0.integer() } != nil
    }
}
