internal import Domain

extension Transaction {
    /// Takes away nonces, answers, notices and counts of days that have served their time; returns how many. Called in
    /// small bites.
    package func prune(limit: Int, keysOlderThan: Int64) throws -> Int {
        try deleteExpiredNonces(limit: limit) + deleteStoredAnswers(olderThan: keysOlderThan, limit: limit)
            + deleteExpiredCancelNotices(limit: limit)
            + deleteDailyCounts(before: DailyQuota.day(of: now) - 1, limit: limit)
    }

    /// Takes away the uploads of leases that are over, and those begun before an instant; returns how many. Endings
    /// leave that to the pruner: a statement more in each of them would cost all jobs, and few upload in pieces.
    package func pruneUploads(limit: Int, olderThan: Int64) throws -> Int {
        let gone = try deleteUploads(olderThan: olderThan, limit: limit)
        try deleteChunks(of: gone)
        return gone.count
    }
}
