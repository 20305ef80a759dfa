extension Transaction {
    /// Some posts that were deleted while others' words about them are still there; those that another transaction
    /// has in hand are passed over.
    func lockDeletedBounties(limit: Int) throws -> [Int64] {
        try rows("SELECT id FROM deleted_bounties ORDER BY id LIMIT \(limit) \(.skipLocked)") { try $0.integer() }
    }

    func forgetDeletedBounties(_ ids: [Int64]) throws {
        try executeLater("DELETE FROM deleted_bounties WHERE id \(in: ids)")
    }

    /// Audits that have settled stay: they are the record of where money went.
    func deleteLabelsAndDryRuns(of posts: [Int64]) throws {
        try executeLater("DELETE FROM bounty_labels WHERE id \(in: posts)")
        try executeLater("DELETE FROM audits WHERE bounty_id \(in: posts) AND is_dry_run = 1")
    }
}
