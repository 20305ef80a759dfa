internal import Domain

extension Transaction {
    /// Takes away nonces, answers, claims' request ids, notices, notifications, counts of days, and updates and tokens
    /// of devices that have served their time; returns how many. Called in small bites.
    package func prune(limit: Int, keysOlderThan: Int64) throws -> Int {
        try deleteExpiredNonces(limit: limit) + deleteStoredAnswers(olderThan: keysOlderThan, limit: limit)
            + deleteClaimRequests(olderThan: keysOlderThan, limit: limit)
            + deleteExpiredCancelNotices(limit: limit)
            + deleteDailyCounts(before: DailyQuota.day(of: now) - 1, limit: limit)
            + deleteNotifications(olderThan: now - Notification.lasts, limit: limit)
            + deleteDeviceUpdates(olderThan: now - DeviceCommand.updatesLast, limit: limit)
            + deleteExpiredDeviceTokens(limit: limit)
    }

    /// Takes away dreams, telegrams and postcards that have served their time, and gives back what calls to the oracle
    /// had reserved whose server died; returns how many, at most `limit` of each.
    package func pruneInklings(limit: Int) throws -> Int {
        let end = now - Inkling.kept
        return try deleteDreams(olderThan: end, limit: limit) + deleteTelegrams(olderThan: end, limit: limit)
            + deletePostcards(olderThan: end, limit: limit) + giveBackExpiredOracleCalls(limit: limit)
    }

    /// Takes away the comments, labels, dry runs and notifications of posts that were deleted, at most `limit` of each;
    /// returns whether there may be more. A deletion leaves that to the pruner: its own commit doesn't grow with what
    /// others wrote.
    package func pruneDeletedBounties(limit: Int) throws -> Bool {
        let posts = try lockDeletedBounties(limit: 10)
        guard !posts.isEmpty else { return false }
        try deleteLabelsAndDryRuns(of: posts)
        let comments = try deleteBountyComments(on: posts, limit: limit)
        let notifications = try deleteNotifications(about: posts, limit: limit)
        if comments < limit && notifications < limit { try forgetDeletedBounties(posts) }
        return true
    }

    /// Takes away the uploads of leases that are over, and those begun before an instant; returns how many. Endings
    /// leave that to the pruner: a statement more in each of them would cost all jobs, and few upload in pieces.
    package func pruneUploads(limit: Int, olderThan: Int64) throws -> Int {
        let gone = try deleteUploads(olderThan: olderThan, limit: limit)
        try forget(gone)
        return gone.count
    }
}
