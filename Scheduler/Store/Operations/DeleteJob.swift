package import Domain

extension Transaction {
    /// Takes an ended job away, by its owner's will: at once its record, soon after what is kept beside it. Refuses one
    /// that has not ended, and one whose files a live job is given, or whose bounty is not settled (409).
    package func deleteJob(_ id: JobID, owner: OwnerID, actor: String) throws {
        guard let job = try lockEnded(id, owner: owner) else {
            throw try isLive(id, owner: owner)
                ? Refusal.wrongState("the job has not ended; cancel it first") : .notFound("job")
        }
        guard try !needed([id], retries: false).contains(id) else {
            throw Refusal.wrongState("other jobs still need this one; delete it when they have ended")
        }
        _ = try deleteEnded([id])
        try insertDeleted([job])
        try record(Event(owner: owner, type: .jobDeleted, actor: actor, object: id.text))
    }
}
