internal import Domain
internal import Wire

extension PolicyRules {
    /// Why the owner's policy forbids a job that was granted all the same, for people.
    func violation(by job: ClaimedJob) -> String? {
        if let maxJobMinutes, Int64(job.durationMinutes) > maxJobMinutes {
            return "the policy allows at most \(maxJobMinutes) minutes per job"
        }
        if job.network, network != true { return "the policy allows no network access" }
        if let isolation, job.isolation < isolation {
            return "the policy allows only jobs with isolation \(isolation.rawValue) or stronger"
        }
        return nil
    }
}
