internal import Domain

/// The jobs that those of a submission depend on, as they stand: those that live are locked.
struct DependedOn {
    private var live: Set<JobID> = []
    private var ended: [JobID: JobState] = [:]
    /// Their end is still being told to others.
    private var untold: Set<JobID> = []

    /// Blocks a job for what it waits for, or cancels it where that is in vain. Returns the jobs that it is kept to
    /// depend on, those that have completed before too.
    func settle(_ accepted: inout AcceptedJob) throws -> [JobID] {
        let named = accepted.job.dependsOn
        if let missing = named.first(where: { !live.contains($0) && ended[$0] == nil }) {
            throw Refusal.invalid(field: "depends_on", message: "no job \(missing.text) of yours")
        }
        if named.contains(where: { !live.contains($0) && ended[$0] != .completed }) {
            // All are kept, so that it can come back when those that failed are tried again.
            accepted.state = .cancelled
            return Set(named).sorted()
        }
        let waitsFor = Set(named).intersection(live)
        if !waitsFor.isEmpty {
            accepted.state = .blocked
            accepted.waitsFor = Int64(waitsFor.count)
        }
        // An end that is still being told to others must not come to this one, which doesn't wait for it.
        return Set(named).subtracting(untold).sorted()
    }

    fileprivate mutating func add(
        live: Set<JobID>, ended: [JobID: JobState], untold: Set<JobID>
    ) {
        self.live.formUnion(live)
        self.ended.merge(ended) { first, _ in first }
        self.untold.formUnion(untold)
    }
}

extension Transaction {
    /// Locks what these jobs depend on and lives, in the order of ids, in as few statements for all as for one: a
    /// worker that reports one of them waits until the commit. Throws `JobTaken` when one is another transaction's and
    /// this one doesn't wait.
    func dependedOn(by jobs: [NewJob], waits: Bool) throws -> DependedOn {
        var dependedOn = DependedOn()
        let owned = Dictionary(grouping: jobs.filter { !$0.dependsOn.isEmpty }, by: \.owner)
        for (owner, jobs) in owned.sorted(by: { $0.key < $1.key }) {
            try SQL.chunked(Set(jobs.flatMap(\.dependsOn)).sorted()) { chunk in
                let ids = Array(chunk)
                let live = try lockLive(ids, owner: owner, waits: waits)
                let past = ids.filter { !live.contains($0) }
                // Whether it lives is asked first: what ends between the two questions is found to have ended.
                if !waits, try !liveJobs(among: past, owner: owner).isEmpty { throw JobTaken() }
                dependedOn.add(
                    live: live, ended: try endings(of: past, owner: owner),
                    untold: try past.isEmpty ? [] : cascading(past))
            }
        }
        return dependedOn
    }
}

/// A job that is depended on is another transaction's.
struct JobTaken: Error {}
