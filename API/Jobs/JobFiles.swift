internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// Files that jobs are given and bring forth. At rest they are zstd, named by the hash of what they hold.
enum JobFiles {
    static let routes: [Route] = [
        .post(
            "/artifacts", "uploadArtifact", "Stores a file to be given to jobs as input.", tag: "Jobs",
            headers: [.init("Content-Encoding", .choice("zstd", "identity"), "How the body is packed.")],
            rawBody: true,
            answers: [
                .created(.object(.required("artifact", .string()), .required("size", .integer(0 ... .max))))
            ], upload),
        .get(
            "/jobs/{job}/artifacts", "listJobArtifacts", "The files that a job brought forth.", tag: "Jobs",
            headers: [.ifNoneMatch],
            answers: [.ok(.object(.required("artifacts", .array(artifact)))), .notModified], list),
        .get(
            "/jobs/{job}/artifacts/{path*}", "readJobArtifact", "One of those files.", tag: "Jobs",
            headers: [.init("Accept-Encoding", .string(), "zstd is sent as it is stored.")],
            answers: [.ok(.bytes, type: "application/octet-stream")], read),
    ]

    private static let artifact = Schema.object(
        .required("path", .string()), .required("size", .integer(0 ... .max)), .required("sha256", .string()),
        .required("created_at", .instant))

    static func upload(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let blob = try await receive(call)
        let owner = member.owner
        try await call.dependencies.database.write { try $0.storeUpload(blob, owner: owner) }
        return .json(.created, ["artifact": .string("sha256:" + blob.hash), "size": JSON(blob.size)])
    }

    /// The call's body as it will be stored: hashed and packed while it comes in.
    static func receive(_ call: Call) async throws -> Blob {
        var packer = try BlobPacker()
        try await call.receiveContent(upTo: call.dependencies.configuration.artifactLimit) { try packer.add($0) }
        return try packer.finish()
    }

    static func list(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        let owner = member.owner
        let files = try await call.dependencies.database.read { tx -> [Artifact]? in
            guard try tx.job(id, owner: owner) != nil else { return nil }
            return try tx.artifacts(of: id)
        }
        guard let files else { throw Problem.notFound("job") }
        return .tagged(
            .ok,
            [
                "artifacts": .array(
                    files.map { file in
                        [
                            "path": .string(file.path), "size": JSON(file.size), "sha256": .string(file.hash),
                            "created_at": .string(RFC3339.format(file.createdAt)),
                        ]
                    })
            ], for: call)
    }

    static func read(_ call: Call, _ member: MemberContext) async throws -> Reply {
        let id = call.parameter("job", as: JobID.self)
        let path = call.parameter("path")
        let owner = member.owner
        let file = try await call.dependencies.database.read { tx -> Artifact? in
            guard try tx.job(id, owner: owner) != nil else { return nil }
            return try tx.artifact(of: id, path: path)
        }
        guard let file else { throw Problem.notFound("artifact") }
        return content(call, hash: file.hash, size: file.size)
    }

    /// Stored content, as a file to save: a browser must not run what a job wrote.
    static func content(_ call: Call, hash: String, size: Int64) -> Reply {
        let database = call.dependencies.database
        return Reply.packed(for: call, type: "application/octet-stream", size: Int(size)) { number in
            try await database.read { try $0.blobChunk(hash, number: Int64(number)) }
        }
        .with(.contentDisposition, "attachment").with(.eTag, "\"\(hash)\"")
    }
}
