package import Domain

/// What the end of a job brings about among those that wait for it.
package enum Cascade {
    /// The topic on the bus that says that there is something to do.
    package static let topic = "cascader"
    /// How many dependents one commit moves on or cancels. An end takes so many along; the rest follows in bites.
    package static let bite: Int64 = 500
    /// How many ended jobs one bite looks at.
    package static let jobsPerBite = 100
}

/// What one bite did.
package struct CascadeBite: Sendable {
    /// Whether there may be more to do at once.
    package var isMore = false
    /// Whether some wait for fewer now, and may be ready.
    package var freesOthers = false
    package var cancelled: [JobID] = []
}

extension Transaction {
    /// Moves on, or cancels, some of those that wait for ended jobs: one bite, shared by all whose turn it is.
    /// - Parameters:
    ///   - limit: how many of those that wait are looked at.
    ///   - jobs: how many of the ended ones are.
    package func cascade(limit: Int = Int(Cascade.bite), jobs: Int = Cascade.jobsPerBite) throws -> CascadeBite {
        let pending = try lockCascades(limit: jobs)
        var bite = CascadeBite()
        var done: [JobID] = []
        var moved: [PendingCascade] = []
        var cancelled: [LiveJob] = []
        var left = limit
        for var cascade in pending {
            guard left > 0 else {
                bite.isMore = true
                break
            }
            let waiting = try dependents(of: cascade.job, after: cascade.lastID, limit: left)
            if cascade.isLost {
                cancelled += try deleteBlocked(waiting)
            } else {
                try unblock(waiting, done: [cascade.job])
                bite.freesOthers = bite.freesOthers || !waiting.isEmpty
            }
            if waiting.count < left {
                done.append(cascade.job)
            } else if let last = waiting.last {
                cascade.lastID = last.text
                moved.append(cascade)
            }
            left -= waiting.count
        }
        try deleteCascades(done)
        try moveCascades(moved, turn: now)
        try end(cancelled.map { Ended(job: $0, state: .cancelled, reason: "dependency", outcome: nil) }, by: "system")
        bite.cancelled = cancelled.map(\.id)
        bite.isMore = bite.isMore || !moved.isEmpty || pending.count == jobs || cancelled.contains { $0.hasDependents }
        return bite
    }

    /// The first whose turn it is gets it later: one of those that wait for it can't be moved on. Returns the job.
    package func putOffCascade(until instant: Int64) throws -> JobID? {
        guard let first = try lockCascades(limit: 1).first else { return nil }
        try moveCascades([first], turn: instant)
        return first.job
    }

    /// Of ended jobs, those whose dependents still fit into this commit; the others are left to `cascade`.
    func takeAlong(_ waited: [Ended], _ left: inout Int64) throws -> [Ended] {
        var late: [Ended] = []
        var along: [Ended] = []
        for end in waited {
            if end.job.dependents <= left {
                left -= end.job.dependents
                along.append(end)
            } else {
                late.append(end)
            }
        }
        if !late.isEmpty {
            try insertCascades(late)
            wake(Cascade.topic)
        }
        return along
    }
}
