package import Domain

extension Transaction {
    /// Takes away content that an owner has uploaded; refuses what jobs are given that are on record (409).
    package func deleteUpload(_ hash: String, owner: OwnerID) throws {
        guard try lockUpload(hash, owner: owner) else { throw Refusal.notFound("artifact") }
        let upload = (owner: owner.text, hash: hash)
        guard try given([upload]).isEmpty else {
            throw Refusal.wrongState("jobs are given this file; delete them first, when they have ended")
        }
        let size = try sizes(of: [hash])[hash] ?? 0
        _ = try deleteUploads([upload])
        try release([hash])
        try noteStored(-size, of: owner)
    }

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
