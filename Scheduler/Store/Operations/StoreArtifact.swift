internal import Bytes
package import Domain

extension Transaction {
    /// The most files that one job may bring forth.
    package static let artifactsPerJob: Int64 = 256

    /// A running job's file, accepted only with its current claim token (PROMISES F4).
    package func storeArtifact(_ key: LeaseKey, path: String, blob: Blob) throws {
        guard let job = try afterOutageCredit({ try lockLease(key) }) else { throw try refusalForStale(key) }
        try forget(deleteUpload(key.job, fence: job.fence, path: path))
        try keep(blob, as: path, of: job)
    }

    /// The lease of a running job is locked: its file is the one that is kept under this path.
    func keep(_ blob: Blob, as path: String, of job: LiveJob) throws {
        try checkRoomForOutput(of: job.owner)
        try checkUnnamed(path, bytes: blob.size, of: job)
        let (others, replaced, replacedBytes) = try artifactsBefore(path, of: job.id)
        guard others < Self.artifactsPerJob else { throw Refusal.tooManyArtifacts }
        try insertBlob(blob)
        try upsertArtifact(job.id, path: path, blob: blob, fence: job.fence)
        if let replaced, replaced != blob.hash { try release([replaced]) }
        try noteStored(blob.size - replacedBytes, of: job.owner)
        try record(
            Event(
                owner: job.owner, type: .artifactStored, actor: job.worker?.text ?? "system", object: job.id.text,
                metadata: JSON.object([.init("path", .string(path)), .init("sha256", .string(blob.hash))])
                    .text(.compact)))
    }

    /// Content that an owner will give to jobs as input.
    package func storeUpload(_ blob: Blob, owner: OwnerID) throws {
        try checkRoom(of: owner)
        try insertBlob(blob)
        if try insertUpload(blob.hash, owner: owner) { try noteStored(blob.size, of: owner) }
    }

    /// Throws unless the lease is current. May write: an outage credit.
    package func checkLease(_ key: LeaseKey) throws { _ = try heldJob(key) }

    /// The running job of a lease that is current. May write: an outage credit.
    func heldJob(_ key: LeaseKey) throws -> LiveJob {
        guard let job = try afterOutageCredit({ try held([key], "").first }) else {
            throw try refusalForStale(key)
        }
        return job
    }
}

extension Refusal {
    /// A job brings forth more files than one may.
    static let tooManyArtifacts = Refusal.noRoom(
        "this is one file too many: a job may have \(Transaction.artifactsPerJob)")
}
