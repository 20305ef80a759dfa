internal import Bytes
internal import Domain
internal import HTTPTypes
internal import Store

/// Files that a job is given, read under the current claim token.
enum WorkerFiles {
    static let routes = [
        Route(
            .get,
            "/workers/{worker}/jobs/{job}/inputs/{path*}", "readInput", "Reads a file that the job is given.",
            headers: [.init("X-Claim-Token", .string(1...256), "The lease's token.", isRequired: true)]
                + Route.Parameter.ofFiles, answers: .ofFiles, read)
    ].tagged("Workers")

    static func read(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let key = try key(call, worker)
        let path = try call.parameter("path")
        let found = try await call.dependencies.database.write { try $0.input(path, of: key) }
        guard let found else { throw Problem.notFound("input") }
        return try JobFiles.content(call, hash: found.hash, size: found.size)
    }

    static func key(_ call: Call, _ worker: WorkerContext) throws -> LeaseKey {
        guard let token = call.header(.claimToken) else {
            throw FieldError("X-Claim-Token", .missing)
        }
        return try LeaseKey(call, worker, token: token)
    }
}
