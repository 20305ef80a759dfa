internal import Domain

extension Transaction {
    /// Locks two members in the order of their ids, so that two who follow each other at once don't wait for each
    /// other. Returns those that there are.
    func lockMembers(_ first: MemberID, _ second: MemberID) throws -> Set<MemberID> {
        Set(
            try rows(
                """
                SELECT id FROM members WHERE id IN (\(first.text), \(second.text)) ORDER BY id \(.forUpdate)
                """
            ) { try MemberID($0.text()) })
    }

    /// False when it follows it already.
    func insertFollow(of followee: MemberID, by follower: MemberID) throws -> Bool {
        try execute(
            """
            INSERT INTO follows (follower_id, followee_id, created_at)
            VALUES (\(follower.text), \(followee.text), \(now))
            ON CONFLICT (follower_id, followee_id) DO NOTHING
            """) == 1
    }

    /// False when it didn't follow it.
    func deleteFollow(of followee: MemberID, by follower: MemberID) throws -> Bool {
        try execute(
            """
            DELETE FROM follows WHERE follower_id = \(follower.text) AND followee_id = \(followee.text)
            """) == 1
    }

    /// Counts one more or one less of both. False, and nothing counted, when `follower` would follow more than
    /// `Follows.limit`. Both are locked.
    func countFollow(of followee: MemberID, by follower: MemberID, _ change: Int64) throws -> Bool {
        let counted = try execute(
            """
            UPDATE members SET following = following + \(change)
            WHERE id = \(follower.text) AND following + \(change) <= \(Follows.limit)
            """)
        guard counted == 1 else { return false }
        try executeLater("UPDATE members SET followers = followers + \(change) WHERE id = \(followee.text)")
        return true
    }
}
