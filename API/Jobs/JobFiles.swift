internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import NIOCore
internal import Store

/// Files that jobs are given and bring forth. At rest they are zstd, named by the hash of what they hold.
enum JobFiles {
    static let routes = [
        Route(
            .post, "/artifacts", "uploadArtifact", "Stores a file to be given to jobs as input.",
            headers: [.init("Content-Encoding", .choice("zstd", "identity"), "How the body is packed.")],
            rawBody: true, answers: uploaded.answers(of: .post), upload),
        Route(
            .delete, "/artifacts/{artifact}", "deleteArtifact",
            "Deletes a file that was stored by `POST /artifacts`, by its SHA-256.", answers: [.noContent], delete),
        Route(
            .get, "/jobs/{job}/artifacts", "listJobArtifacts", "The files that a job brought forth.",
            .tagged(artifacts), list),
        Route(
            .get, "/jobs/{job}/artifacts/{path*}", "readJobArtifact", "One of those files.",
            headers: Route.Parameter.ofFiles, answers: .ofFiles, read),
    ].tagged("Jobs")

    private static let uploaded = Success<Blob>.created(
        Shape {
            field("artifact", .string) { "sha256:" + $0.hash }
            field("size", .integer(0...Int64.max)) { $0.size }
        })

    private static let artifacts = Shape<[Artifact]> { field("artifacts", .array(artifact)) { $0 } }

    private static let artifact = Shape<Artifact> {
        field("path", .string) { $0.path }
        field("size", .integer(0...Int64.max)) { $0.size }
        field("sha256", .string) { $0.hash }
        field("created_at", .instant) { $0.createdAt }
    }

    static func upload(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let owner = member.owner
        let blob = try await receive(call) { blob in
            try await call.database.write { try $0.storeUpload(blob, owner: owner) }
        }
        return uploaded.reply(blob, for: call)
    }

    static func delete(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let name = try call.parameter("artifact").lowercased()
        let hash = name.hasPrefix("sha256:") ? String(name.dropFirst(7)) : name
        try await call.database.write { try $0.deleteUpload(hash, owner: member.owner) }
        return .empty(.noContent)
    }

    /// The call's body: hashed, packed and written while it comes in, stored by `store` when all of it is there.
    static func receive(_ call: Call, _ store: (Blob) async throws -> Void) async throws -> Blob {
        let limit = call.dependencies.configuration.artifactLimit
        let intake = try BlobIntake(
            call.database, isPacked: try call.isPacked, announced: call.declaredLength ?? 0, limit: limit)
        do {
            try await call.receive(upTo: limit, isKept: false) { piece in
                try await intake.add(Array(piece.readableBytesView))
                // Packed content says while it comes how much memory it takes to unpack it.
                if intake.memory > BodyBudget.ofStream { try await call.share(intake.memory) }
            }
            return try await intake.store { blob in
                try await store(blob)
                return blob
            }
        } catch UploadError.undecodable(let error, let limit) {
            await intake.discard()
            throw Problem.undecodable(error, limit: limit)
        } catch {
            await intake.discard()
            throw error
        }
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> [Artifact] {
        let id = try call.parameter("job", as: JobID.self)
        let owners = member.readable
        return try await call.database.read { tx in
            guard try tx.isJob(id, ofAny: owners) else { throw Refusal.notFound("job") }
            return try tx.artifacts(of: id)
        }
    }

    static func read(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = try call.parameter("job", as: JobID.self)
        let path = try call.parameter("path")
        let owners = member.readable
        let file = try await call.database.read { tx -> Artifact? in
            guard try tx.isJob(id, ofAny: owners) else { return nil }
            return try tx.artifact(of: id, path: path)
        }
        guard let file else { throw Problem.notFound("artifact") }
        return try content(call, hash: file.hash, size: file.size)
    }

    /// Stored content, as a file to save.
    static func content(_ call: Call, hash: String, size: Int64) throws(Problem) -> Reply {
        let database = call.database
        return try Reply.file(for: call, hash: hash, size: Int(clamping: size)) { number in
            try await database.read { try $0.blobChunk(hash, number: Int64(number)) }
        }
    }
}
