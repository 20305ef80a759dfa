internal import Bytes
package import Domain

/// A file that a job is given.
package struct JobInput: Sendable {
    package enum Source: Sendable {
        /// Content by its SHA-256 hex: it came with the request or was uploaded before.
        case content(hash: String, size: Int64)
        /// Uploaded before; its size isn't known yet.
        case upload(hash: String)
        /// The output of another job of the same owner, which may still have to bring it forth.
        case output(job: JobID, path: String)
    }

    /// A source that has to be the owner's, and the field of the request that names it.
    package struct Reference: Sendable {
        package let field: String
        package let source: Source

        package init(field: String, source: Source) {
            self.field = field
            self.source = source
        }
    }

    /// Below the job's work folder.
    package let path: String
    package var source: Source

    package init(path: String, source: Source) {
        self.path = path
        self.source = source
    }
}

extension JobInput.Source {
    /// From `sha256:<64 hex>` or `<job id>/<path>`; nil for anything else.
    package init?(_ reference: String) {
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

extension JobInput {
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.field("path", path)
        switch source {
        case .content(let hash, let size):
            writer.field("sha256", hash)
            writer.field("size", size)
        case .upload(let hash): writer.field("sha256", hash)
        case .output(let job, let path):
            writer.field("job", job.text)
            writer.field("output", path)
        }
        writer.endObject()
    }

    /// Reads what `write` wrote.
    init?(_ json: JSON) {
        guard let path = json["path"]?.string else { return nil }
        if let hash = json["sha256"]?.string {
            let size = json["size"]?.int
            self.init(path: path, source: size.map { .content(hash: hash, size: $0) } ?? .upload(hash: hash))
        } else if let job = json["job"]?.string, let output = json["output"]?.string {
            self.init(path: path, source: .output(job: JobID(job), path: output))
        } else {
            return nil
        }
    }
}
