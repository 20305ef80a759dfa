internal import Bytes
package import Domain

/// A file that a job is given, as a worker is told of it.
package struct InputFile: Sendable {
    /// Below the job's work folder.
    package let path: String
    /// SHA-256 hex of the content, which is stored under it.
    package let hash: String
    /// Bytes of the content.
    package let size: Int64
}

extension Transaction {
    /// The file that the job of a lease is given under a path; nil when there is none, or when the job that was to
    /// bring it forth has not. May write: an outage credit.
    package func input(_ path: String, of key: LeaseKey) throws -> InputFile? {
        let job = try heldJob(key)
        guard let spec = try spec(of: job.id) else { throw Refusal.notFound("job") }
        guard let input = try JobSpec(spec).inputs.first(where: { $0.path.isExactly(path) }) else { return nil }
        return try file(of: input, owner: job.owner)
    }

    /// What an owner's job is given. What is missing is listed all the same, as if it were empty: fetching it tells the
    /// worker so.
    package func files(of inputs: [JobInput], owner: OwnerID) throws -> [InputFile] {
        try inputs.map { input in
            try file(of: input, owner: owner) ?? InputFile(path: input.path, hash: SHA256.hex(""), size: 0)
        }
    }

    /// Why a source can't be given to a job of the owner's; nil when it can. The job that is to bring it forth may still
    /// have to do so.
    package func fault(of source: JobInput.Source, _ owner: OwnerID) throws -> String? {
        let stray = "names nothing of yours"
        switch source {
        case .content: return nil
        case .upload(let hash): return try upload(hash, owner: owner) == nil ? stray : nil
        case .output(let job, let path):
            // Whether it lives is asked first: what ends between the two questions is found to have ended.
            if try isLive(job, owner: owner) { return nil }
            guard let state = try endings(of: [job], owner: owner)[job] else { return stray }
            guard try state == .completed && !hasArtifact(job, path: path) else { return nil }
            return "names a file that its job has completed without"
        }
    }

    /// The first of an owner's job's files that can't come any more: the job that was to bring it forth doesn't live, and
    /// hasn't.
    package func missing(of inputs: [JobInput], owner: OwnerID) throws -> JobInput? {
        for input in inputs {
            guard case .output(let job, let path) = input.source, try !hasArtifact(job, path: path) else { continue }
            // It may have come, and the job ended, between the two questions.
            if try !isLive(job, owner: owner) && !hasArtifact(job, path: path) { return input }
        }
        return nil
    }

    private func file(of input: JobInput, owner: OwnerID) throws -> InputFile? {
        switch input.source {
        case .content(let hash, let size): InputFile(path: input.path, hash: hash, size: size)
        case .upload(let hash):
            try upload(hash, owner: owner).map { InputFile(path: input.path, hash: hash, size: $0) }
        case .output(let job, let path):
            try artifact(of: job, path: path).map { InputFile(path: input.path, hash: $0.hash, size: $0.size) }
        }
    }
}
