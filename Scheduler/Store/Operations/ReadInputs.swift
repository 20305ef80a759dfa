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
        return try sources(of: [input.source], owner: job.owner).file(of: input)
    }

    /// What stands behind sources that an owner's jobs name: asked by list, however many they are.
    package func sources(of sources: [JobInput.Source], owner: OwnerID) throws -> StandingSources {
        var standing = StandingSources()
        var hashes: Set<String> = []
        var outputs: Set<JobOutput> = []
        for source in sources {
            switch source {
            case .content: continue
            case .upload(let hash): hashes.insert(hash)
            case .output(let job, let path): outputs.insert(JobOutput(job: job, path: ExactText(path)))
            }
        }
        try SQL.chunked(hashes.sorted()) { chunk in
            standing.uploads.merge(try uploads(Array(chunk), owner: owner)) { first, _ in first }
        }
        try SQL.chunked(Set(outputs.map(\.job)).sorted()) { chunk in
            // Whether they live is asked first: what ends between the questions is found to have ended.
            standing.live.formUnion(try liveJobs(among: Array(chunk), owner: owner))
            let others = chunk.filter { !standing.live.contains($0) }
            standing.ended.merge(try endings(of: Array(others), owner: owner)) { first, _ in first }
        }
        // Last: what was brought forth before its job ended is there.
        try SQL.chunked(Array(outputs.filter { standing.isOwners($0.job) })) { chunk in
            standing.outputs.merge(try artifacts(Array(chunk))) { first, _ in first }
        }
        return standing
    }
}

/// A file that a job may bring forth.
struct JobOutput: Hashable {
    let job: JobID
    let path: ExactText
}

/// What stands behind sources of an owner's jobs' files.
package struct StandingSources: Sendable {
    /// Bytes of uploads, by their hashes.
    fileprivate var uploads: [String: Int64] = [:]
    fileprivate var live: Set<JobID> = []
    fileprivate var ended: [JobID: JobState] = [:]
    fileprivate var outputs: [JobOutput: Artifact] = [:]

    fileprivate func isOwners(_ job: JobID) -> Bool { live.contains(job) || ended[job] != nil }

    /// Why a source can't be given to a job; nil when it can. The job that is to bring it forth may still have to do
    /// so.
    package func fault(of source: JobInput.Source) -> String? {
        let stray = "names nothing of yours"
        switch source {
        case .content: return nil
        case .upload(let hash): return uploads[hash] == nil ? stray : nil
        case .output(let job, let path):
            if live.contains(job) { return nil }
            guard let state = ended[job] else { return stray }
            guard state == .completed, outputs[JobOutput(job: job, path: ExactText(path))] == nil else { return nil }
            return "names a file that its job has completed without"
        }
    }

    /// The first of a job's files that can't come any more: the job that was to bring it forth doesn't live, and
    /// hasn't.
    package func missing(of inputs: [JobInput]) -> JobInput? {
        inputs.first { input in
            guard case .output(let job, _) = input.source else { return false }
            return !live.contains(job) && file(of: input) == nil
        }
    }

    /// What a job is given. What is missing is listed all the same, as if it were empty: fetching it tells the worker
    /// so.
    package func files(of inputs: [JobInput]) -> [InputFile] {
        inputs.map { file(of: $0) ?? InputFile(path: $0.path, hash: SHA256.hex(""), size: 0) }
    }

    fileprivate func file(of input: JobInput) -> InputFile? {
        switch input.source {
        case .content(let hash, let size): InputFile(path: input.path, hash: hash, size: size)
        case .upload(let hash): uploads[hash].map { InputFile(path: input.path, hash: hash, size: $0) }
        case .output(let job, let path):
            outputs[JobOutput(job: job, path: ExactText(path))].map {
                InputFile(path: input.path, hash: $0.hash, size: $0.size)
            }
        }
    }
}
