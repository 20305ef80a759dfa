internal import Bytes
package import Domain

/// What one bite of a pruning took away.
package struct PruneBite: Sendable {
    /// How many rows of each table.
    package var rows: [String: Int] = [:]
    /// Whether there may be more at once.
    package var isMore = false

    package init() {}

    package var count: Int { rows.values.reduce(0, +) }

    mutating func add(_ count: Int, _ table: String) {
        if count > 0 { rows[table, default: 0] += count }
    }
}

extension Transaction {
    /// How long a pass that found its end waits for the next, in milliseconds.
    package static let prunePause: Int64 = 600_000
    /// The most log lines, and about the most rows of each other table, that one bite takes away.
    package static let detailsPerBite = 2_000

    /// Takes away ended jobs, and all that is kept beside them: one bite of a pass in the order of ids, which all
    /// servers share. Jobs that something needs yet are passed over, until the next pass.
    /// - Parameters:
    ///   - limit: how many jobs are looked at.
    ///   - instant: what ended after it stays.
    package func pruneJobs(limit: Int, endedBefore instant: Int64) throws -> PruneBite {
        var bite = PruneBite()
        guard var place = try lockPruning("jobs") else { return bite }
        // An id begins with when the job was made, and none ended before.
        let end = String(UUIDv7.text(milliseconds: max(0, instant), random: []).prefix(13))
        let page = try lockEnded(after: place.place, before: end, limit: limit)
        let old = try lockRecords(page.lazy.filter { $0.endedAt <= instant }.map(\.id))
        let needed = try needed(old, retries: true)
        let gone = Set(old).subtracting(needed)
        let jobs = page.filter { gone.contains($0.id) }
        bite.add(try deleteEnded(jobs.map(\.id)), "jobs")
        let details = try deleteDetails(of: jobs, limit: Self.detailsPerBite)
        bite.rows.merge(details.rows) { $0 + $1 }
        // Without their records: nobody can retry a job of which a part is gone.
        if !details.isDone { try insertDeleted(jobs) }
        bite.isMore = page.count == limit || !details.isDone
        place.place = page.last?.id.text ?? place.place
        if page.count < limit { place = PruningPlace(nextAt: now + Self.prunePause) }
        try movePruning("jobs", to: place)
        return bite
    }

    /// Takes away what was kept beside jobs that their owners deleted: one bite.
    package func pruneDeletedJobs(limit: Int) throws -> PruneBite {
        var bite = PruneBite()
        let jobs = try lockDeleted(limit: limit)
        guard !jobs.isEmpty else { return bite }
        let details = try deleteDetails(of: jobs, limit: Self.detailsPerBite)
        bite.rows = details.rows
        if details.isDone { try forgetDeleted(jobs.map(\.id)) }
        bite.isMore = !details.isDone || jobs.count == limit
        return bite
    }

    /// Looks at so many classes behind one, in the order of their ids, and takes those away that nobody has used for
    /// `ClassLife.removedAfter` and in which nothing waits. What runs comes back by way of `promote`, which records its
    /// class anew.
    /// - Returns: the one to go on behind, nil when there are no more; and how many were taken away.
    package func removeUnusedClasses(
        after id: ClassID?, limit: Int
    ) throws -> (next: ClassID?, removed: Int) {
        let bite = try liveClasses(after: id, limit: limit)
        guard !bite.isEmpty else { return (nil, 0) }
        let removed = try deleteUnused(bite)
        try noteUnused(removed)
        return (bite.count < limit ? nil : bite.last, removed.count)
    }

    /// Takes away descriptions of what jobs need that none has needed since an instant; returns how many.
    package func pruneClasses(limit: Int, unusedSince instant: Int64) throws -> PruneBite {
        var bite = PruneBite()
        let gone = try deleteClasses(unusedSince: instant, limit: limit)
        bite.add(gone, "job_classes")
        bite.isMore = gone == limit
        return bite
    }

    /// Takes away keys that ended, and uploads that no job is given: one bite of each.
    package func pruneKeysAndUploads(limit: Int, olderThan instant: Int64) throws -> PruneBite {
        var bite = PruneBite()
        let keys = try deleteEndedKeys(olderThan: instant, limit: limit)
        bite.add(keys, "api_keys")
        let uploads = try lockUploads(olderThan: instant, limit: limit)
        if !uploads.isEmpty {
            let given = try given(uploads)
            let gone = uploads.filter { !given.contains($0.hash) }
            try putOffUploads(uploads.filter { given.contains($0.hash) })
            let count = try deleteUploads(gone)
            try release(Set(gone.map(\.hash)))
            let sizes = try sizes(of: gone.map(\.hash))
            var freed: [OwnerID: Int64] = [:]
            for upload in gone { freed[OwnerID(upload.owner), default: 0] -= sizes[upload.hash] ?? 0 }
            try noteStored(freed)
            bite.add(count, "uploads")
            bite.isMore = uploads.count == limit
        }
        bite.isMore = bite.isMore || keys >= limit
        return bite
    }

    /// Takes away content that nothing refers to any more: one bite.
    /// - Parameter instant: what was released after it waits; somebody may be reading it.
    package func collectBlobs(limit: Int, releasedBefore instant: Int64) throws -> PruneBite {
        var bite = PruneBite()
        let released = try released(before: instant, limit: limit)
        guard !released.isEmpty else { return bite }
        let stored = try stored(released)
        let locked = try lockBlobs(released)
        let referred = locked.isEmpty ? [] : try referred(locked)
        bite.add(try deleteBlobs(locked.filter { !referred.contains($0) }), "blobs")
        try forgetReleased(locked + released.filter { !stored.contains($0) }, before: instant)
        bite.isMore = released.count == limit && !locked.isEmpty
        return bite
    }
}
