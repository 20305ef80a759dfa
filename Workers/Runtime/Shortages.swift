internal import Domain
internal import Synchronization

/// The jobs that this daemon has given back because the machine had too little of something, though a trial run passed
/// right afterwards. Not forgotten before a thousand others: a job that fills the disk itself is not given back for
/// ever.
final class Shortages: Sendable {
    private let jobs = Mutex<[JobID]>([])

    private static let remembered = 1_000

    /// Whether it is this job's first; it is remembered from now on.
    func isFirst(of job: JobID) -> Bool {
        jobs.withLock { jobs in
            guard !jobs.contains(job) else { return false }
            if jobs.count >= Self.remembered { jobs.removeFirst() }
            jobs.append(job)
            return true
        }
    }
}
