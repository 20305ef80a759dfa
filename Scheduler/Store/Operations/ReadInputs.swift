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

    /// Whether a source is the owner's. The job that is to bring it forth may still have to do so.
    package func owns(_ source: JobInput.Source, _ owner: OwnerID) throws -> Bool {
        switch source {
        case .content: true
        case .upload(let hash): try upload(hash, owner: owner) != nil
        case .output(let job, _): try isJob(job, ofAny: [owner])
        }
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
