internal import Domain
internal import Wire

extension PolicyRules {
    /// What the owner's policy has against a job that was granted all the same, for people.
    func violation(by job: ClaimedJob) -> String? {
        if let maxJobMinutes, Int64(job.durationMinutes) > maxJobMinutes {
            return "the policy allows \(maxJobMinutes) minutes a job"
        }
        if job.network, network != true { return "the policy allows no network" }
        if let isolation, job.isolation < isolation {
            return "the policy allows no job that asks for less than \(isolation.rawValue)"
        }
        return nil
    }
}
