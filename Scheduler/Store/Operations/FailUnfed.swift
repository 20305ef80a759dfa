internal import Domain

/// A claimed job that was to be given a file which another job has ended without.
package struct UnfedJob: Sendable {
    package let key: LeaseKey
    package let missing: JobInput

    package init(key: LeaseKey, missing: JobInput) {
        self.key = key
        self.missing = missing
    }

    fileprivate var error: String {
        guard case .output(let job, let path) = missing.source else { return "the input \(missing.path) is missing" }
        return "the input \(missing.path) is missing: job \(job.text) has ended without \(path)"
    }
}

extension Transaction {
    /// Ends claimed jobs as failed, with reason `input`: trying again would bring no file, and no machine is to blame.
    /// Those whose lease isn't current any more stay as they are.
    package func fail(_ unfed: [UnfedJob]) throws -> [Finished] {
        let errors = Dictionary(unfed.map { ($0.key, $0.error) }) { first, _ in first }
        let jobs = try lockHeld(unfed.map(\.key).sorted { $0.job < $1.job })
        try deleteLocked(jobs)
        try end(
            jobs.map { job in
                Ended(
                    job: job, state: .failed, reason: "input", outcome: nil,
                    error: job.leaseKey.flatMap { errors[$0] })
            }, by: "system")
        return jobs.map { $0.finished(.failed, at: now, paid: 0) }
    }
}
