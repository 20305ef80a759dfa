internal import Bytes
internal import Domain

/// A file that a job is given.
struct JobInput {
    enum Source {
        /// Content by its SHA-256 hex: it came with the request or was uploaded before.
        case content(hash: String, size: Int64)
        /// Uploaded before; its size isn't known yet.
        case upload(hash: String)
        /// The output of another job of the same owner, which may still have to bring it forth.
        case output(job: JobID, path: String)
    }

    let path: String
    var source: Source
}

extension JobRequest {
    /// Bytes of all contents in one request: it has to fit the body anyway.
    static func inputs(_ fields: inout Fields) throws -> ([JobInput], [Content]) {
        var inputs: [JobInput] = []
        var contents: [Content] = []
        var paths: Set<String> = []
        let objects = try fields.optionalObjects("inputs") ?? []
        guard objects.count <= 256 else { throw fields.error("inputs", .outOfRange("at most 256 files")) }
        for var object in objects {
            let path = try object.string("path")
            guard path.isJobPath else { throw object.error("path", .invalid(Self.pathRule)) }
            guard paths.insert(path).inserted else { throw object.error("path", .invalid("is named twice")) }
            let base64 = try object.optionalString("content_base64")
            let artifact = try object.optionalString("artifact")
            try object.end()
            switch (base64, artifact) {
            case (let text?, nil):
                guard let bytes = Base64.decode(text) else {
                    throw object.error("content_base64", .invalid("is not standard base64"))
                }
                let hash = SHA256.hex(bytes)
                contents.append(Content(hash: hash, bytes: bytes))
                inputs.append(JobInput(path: path, source: .content(hash: hash, size: Int64(bytes.count))))
            case (nil, let reference?):
                guard let source = JobInput.Source(reference) else {
                    throw object.error("artifact", .invalid("must be sha256:<64 hex> or <job id>/<path>"))
                }
                inputs.append(JobInput(path: path, source: source))
            default: throw object.error("content_base64", .invalid("or artifact: exactly one of them is needed"))
            }
        }
        return (inputs, contents)
    }

    static func paths(_ fields: inout Fields, _ key: String) throws(FieldError) -> [String] {
        let paths = try fields.strings(key, default: [])
        guard paths.count <= 256 else { throw fields.error(key, .outOfRange("at most 256 paths")) }
        guard paths.allSatisfy(\.isJobPath) else { throw fields.error(key, .invalid(pathRule)) }
        return paths
    }

    static let pathRule = "must be a relative path of at most 512 bytes without '.', '..' or empty parts"
}

extension JobInput.Source {
    init?(_ reference: String) {
        if reference.hasPrefix("sha256:") {
            let hash = String(reference.dropFirst(7))
            guard Hex.isHex(hash, lengths: 64...64) else { return nil }
            self = .upload(hash: hash.lowercased())
            return
        }
        let parts = reference.split(separator: "/", maxSplits: 1)
        guard parts.count == 2, UUIDv7.isUUID(String(parts[0])), String(parts[1]).isJobPath else { return nil }
        self = .output(job: JobID(parts[0].lowercased()), path: String(parts[1]))
    }
}

extension String {
    /// Whether this names a file below a job's work folder.
    var isJobPath: Bool {
        guard (1...512).contains(utf8.count), !utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else { return false }
        return split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
            !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255
        }
    }
}
