internal import Bytes
internal import Domain
internal import Engine
internal import HTTPTypes
internal import Store

/// The files of a running job: whole, or in pieces that a cut connection doesn't lose (decision 0012).
enum ArtifactUploads {
    private static let path = "/workers/{worker}/jobs/{job}/artifacts/{path*}"
    private static let token = Route.Parameter(
        "X-Claim-Token", .string(1...256), "The lease's token.", isRequired: true)

    static let routes = [
        Route(
            .put, path, "storeArtifact", "Stores a file of a running job, whole or in pieces.",
            headers: [
                token, .init("Content-Encoding", .choice("zstd", "identity"), "How the whole is packed."),
                .init(
                    "Content-Range", .string(1...64),
                    "`bytes START-END/TOTAL` of the packed whole: the body is that piece, at most as long as a JSON "
                        + "body. Taken when START is what the server has."),
                .init("X-Content-SHA256", .string(64...64), "Hex, of the unpacked whole; checked at the end."),
            ], rawBody: true, answers: stored.answers(of: .put) + offset.answers(of: .put), store),
        Route(
            .head, path, "artifactOffset", "How much of a file has come, as `Upload-Offset`.", headers: [token],
            answers: [.init(.ok, nil, "`Upload-Offset`: bytes of the packed whole, 0 when none.")], showOffset),
    ].tagged("Workers")

    private typealias Stored = (path: String, size: Int64, hash: String)

    private static let stored = Success<Stored>.ok(
        Shape {
            field("path", JobLimits.path) { $0.path }
            field("size", .integer(0...Int64.max)) { $0.size }
            field("sha256", .hex(64...64)) { $0.hash }
        })

    private static let offset = Success<Int64>.accepted(
        Shape { field("offset", .integer(1...Int64.max)) { $0 } },
        "A piece was taken; `Upload-Offset` says how much there is. When it must begin elsewhere: 409 `upload_offset` "
            + "with that header.")

    static func showOffset(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let key = try WorkerFiles.key(call, worker)
        let path = try path(of: call)
        let offset = try await call.database.write { try $0.uploadOffset(key, path: path) }
        return .empty(.ok).with(.uploadOffset, String(offset))
    }

    static func store(_ call: Call, _ worker: WorkerContext) async throws -> Reply {
        let key = try WorkerFiles.key(call, worker)
        let path = try path(of: call)
        let digest = try digest(call)
        let range = try call.contentRange()
        // Nothing is read from a worker whose lease is over.
        try await call.database.write { try $0.checkLease(key) }
        if let range { return try await store(range, of: path, key, digest, call) }
        let blob = try await JobFiles.receive(call) { blob in
            do { try blob.check(digest) } catch let error as UploadError { throw problem(error) }
            try await call.database.write { try $0.storeArtifact(key, path: path, blob: blob) }
        }
        return stored.reply((path, blob.size, blob.hash), for: call)
    }

    private static func store(
        _ range: ContentRange, of path: String, _ key: LeaseKey, _ digest: String?, _ call: Call
    ) async throws -> Reply {
        let limit = call.dependencies.configuration.artifactLimit
        guard range.total <= limit else { throw Problem.tooLarge(limit: limit) }
        let coding = call.header(.contentEncoding)?.lowercased() ?? "identity"
        guard coding == "identity" || coding == "zstd" else {
            throw Problem.unsupportedMedia("Content-Encoding must be zstd or absent")
        }
        let bytes = try await call.bytes(upTo: call.dependencies.configuration.bodyLimit)
        guard bytes.count == range.count else {
            throw FieldError(
                "Content-Range", .invalid("announces \(range.count) bytes, but the body has \(bytes.count)"))
        }
        let piece = Piece(
            path: path, coding: coding, start: Int64(range.start), total: Int64(range.total), bytes: bytes)
        do {
            let assembler = UploadAssembler(call.database, limit: limit)
            switch try await assembler.take(piece, key, digest: digest) {
            case .offset(let bytes):
                return offset.reply(bytes, for: call).with(.uploadOffset, String(bytes))
            case .stored(let file): return stored.reply((path, file.size, file.hash), for: call)
            }
        } catch let error as UploadError {
            var problem = problem(error)
            problem.headers[.uploadOffset] = "0"
            throw problem
        }
    }

    private static func problem(_ error: UploadError) -> Problem {
        switch error {
        case .undecodable(let error, let limit): .undecodable(error, limit: limit)
        case .wrongDigest(let actual):
            Problem(
                .badRequest, "wrong_digest", "X-Content-SHA256 does not match the content, whose hash is \(actual)",
                field: "X-Content-SHA256")
        }
    }

    /// What the unpacked whole should hash to, in lower case; nil when it isn't said.
    private static func digest(_ call: Call) throws(FieldError) -> String? {
        guard let text = call.header(.contentSHA256)?.lowercased() else { return nil }
        guard text.utf8.count == 64, Hex.decode(text) != nil else {
            throw FieldError("X-Content-SHA256", .invalid("must be 64 hex digits"))
        }
        return text
    }

    private static func path(of call: Call) throws -> String {
        let path = try call.parameter("path")
        guard path.isJobPath else { throw FieldError("path", .invalid(String.jobPathRule)) }
        return path
    }
}

extension HTTPField.Name {
    static let contentSHA256 = ours("X-Content-SHA256")
}
