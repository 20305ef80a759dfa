internal import Bytes
internal import Domain
internal import Store
internal import Wire

/// Files that a job is given, read under the current claim token.
enum WorkerFiles {
    static let routes: [Route] = [
        .get(
            "/workers/{worker}/jobs/{job}/inputs/{path*}", "readInput", "Reads a file that the job is given.",
            tag: "Workers",
            headers: [.init("X-Claim-Token", .string(1...256), "The lease's token.", isRequired: true)],
            answers: [.ok(.bytes, type: "application/octet-stream")], read)
    ]

    static func read(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let key = try key(call, worker)
        let path = call.parameter("path")
        let found = try await call.dependencies.database.write { tx -> (hash: String, size: Int64)? in
            let (spec, owner) = try tx.heldSpec(key)
            guard let input = JobSpec(spec).inputs.first(where: { $0.path == path }) else { return nil }
            return try content(of: input, owner: owner, tx)
        }
        guard let found else { throw Problem.notFound("input") }
        return JobFiles.content(call, hash: found.hash, size: found.size)
    }

    static func key(_ call: Call, _ worker: WorkerContext) throws -> LeaseKey {
        guard let token = call.header(.claimToken) else {
            throw FieldError("X-Claim-Token", .missing)
        }
        return LeaseKey(call, worker, token: token)
    }

    /// What an input holds; nil when the job that was to bring it forth has not.
    private static func content(
        of input: JobInput, owner: OwnerID, _ tx: Transaction
    ) throws -> (hash: String, size: Int64)? {
        switch input.source {
        case .content(let hash, let size): (hash, size)
        case .upload(let hash): try tx.upload(hash, owner: owner).map { (hash, $0) }
        case .output(let job, let path): try tx.artifact(of: job, path: path).map { ($0.hash, $0.size) }
        }
    }

    /// The inputs of claimed jobs, as the worker is told of them. Most jobs have none, and then nothing is read.
    static func inputs(of grants: [Grant], _ dependencies: Dependencies) async throws -> [JobID: [ClaimedJob.Input]] {
        let wanted = grants.map { ($0.id, $0.owner, JobSpec($0.spec).inputs) }.filter { !$0.2.isEmpty }
        guard !wanted.isEmpty else { return [:] }
        return try await dependencies.database.read { tx in
            var found: [JobID: [ClaimedJob.Input]] = [:]
            for (id, owner, inputs) in wanted {
                found[id] = try inputs.map { input in
                    // What is missing is named all the same: fetching it tells the worker so.
                    let content = try content(of: input, owner: owner, tx)
                    return ClaimedJob.Input(
                        path: input.path, size: Int(content?.size ?? 0),
                        sha256: content?.hash ?? SHA256.hex(""))
                }
            }
            return found
        }
    }
}
