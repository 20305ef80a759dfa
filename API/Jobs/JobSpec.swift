internal import Bytes
internal import Domain

/// What only the worker and the owner read of a job: stored as opaque JSON beside it.
struct JobSpec {
    var description: String?
    var command: [String]?
    var environment: [JSON.Member] = []
    var stdin: String?
    var inputs: [JobInput] = []
    var outputs: [String] = []

    /// Compact JSON.
    var text: String {
        var writer = JSONWriter(capacity: 128)
        writer.beginObject()
        if let description { writer.field("description", description) }
        if let command {
            writer.key("command")
            writer.strings(command)
        }
        if !environment.isEmpty { writer.field("env", .object(environment)) }
        if let stdin { writer.field("stdin", stdin) }
        if !inputs.isEmpty {
            writer.key("inputs")
            writer.beginArray()
            for input in inputs { input.write(to: &writer) }
            writer.endArray()
        }
        if !outputs.isEmpty {
            writer.key("outputs")
            writer.strings(outputs)
        }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    init(
        description: String?, command: [String]?, environment: [JSON.Member], stdin: String?, inputs: [JobInput],
        outputs: [String]
    ) {
        self.description = description
        self.command = command
        self.environment = environment
        self.stdin = stdin
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Reads what `text` wrote; what it can't read it leaves empty.
    init(_ text: String) {
        guard let json = try? JSON(parsing: Array(text.utf8)) else { return }
        description = json["description"]?.string
        command = json["command"]?.array?.compactMap(\.string)
        environment = json["env"]?.members ?? []
        stdin = json["stdin"]?.string
        inputs = json["inputs"]?.array?.compactMap { JobInput($0) } ?? []
        outputs = json["outputs"]?.array?.compactMap(\.string) ?? []
    }
}

extension JobInput {
    fileprivate func write(to writer: inout JSONWriter) {
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

    fileprivate init?(_ json: JSON) {
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

extension JSONWriter {
    mutating func strings(_ texts: [String]) {
        beginArray()
        for text in texts { string(text) }
        endArray()
    }
}
