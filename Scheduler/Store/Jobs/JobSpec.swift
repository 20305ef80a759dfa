package import Bytes
package import Domain

/// What only the worker and the owner read of a job: stored as opaque JSON beside it.
package struct JobSpec: Sendable {
    package var description: String?
    package var command: [String]?
    package var environment: [JSON.Member]
    package var stdin: String?
    /// Instead of `stdin`, when its bytes are no UTF-8: in base64.
    package var stdinBase64: String?
    package var inputs: [JobInput]
    package var outputs: [String]
    /// Of an audit.
    package var audit: AuditedCode?
    /// The trace that the job was submitted in.
    package var trace: TraceContext?

    /// Compact JSON.
    package var text: String {
        var writer = JSONWriter(capacity: 128)
        writer.beginObject()
        if let description { writer.field("description", description) }
        if let command {
            writer.key("command")
            writer.strings(command)
        }
        if !environment.isEmpty { writer.field("env", .object(environment)) }
        if let stdin { writer.field("stdin", stdin) }
        if let stdinBase64 { writer.field("stdin_base64", stdinBase64) }
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
        if let audit { writer.field("audit", audit.json) }
        if let trace { writer.field("traceparent", trace.traceparent) }
        writer.endObject()
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    package init(
        description: String? = nil, command: [String]? = nil, environment: [JSON.Member] = [], stdin: String? = nil,
        inputs: [JobInput] = [], outputs: [String] = []
    ) {
        self.description = description
        self.command = command
        self.environment = environment
        self.stdin = stdin
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Reads what `text` wrote.
    package init(_ text: String) throws(InternalError) {
        let json: JSON
        do { json = try JSON(parsing: Array(text.utf8)) } catch { throw .unreadable("a job's spec: \(error.message)") }
        description = json["description"]?.string
        command = json["command"]?.array?.compactMap(\.string)
        environment = json["env"]?.members ?? []
        stdin = json["stdin"]?.string
        stdinBase64 = json["stdin_base64"]?.string
        inputs = json["inputs"]?.array?.compactMap { JobInput($0) } ?? []
        outputs = json["outputs"]?.array?.compactMap(\.string) ?? []
        audit = json["audit"].flatMap { AuditedCode($0) }
        trace = json["traceparent"]?.string.flatMap { TraceContext($0) }
    }
}

/// What an audit fetches and runs.
package struct AuditedCode: Sendable, Equatable {
    package var repoURL: String
    /// nil: the repository's own default.
    package var branch: String?
    package var tests: String

    package init(repoURL: String, branch: String?, tests: String) {
        self.repoURL = repoURL
        self.branch = branch
        self.tests = tests
    }

    init?(_ json: JSON) {
        guard let repoURL = json["repo_url"]?.string, let tests = json["tests"]?.string else { return nil }
        self.init(repoURL: repoURL, branch: json["branch"]?.string, tests: tests)
    }

    package var json: JSON {
        ["repo_url": .string(repoURL), "branch": branch.map(JSON.string) ?? .null, "tests": .string(tests)]
    }
}

extension JSONWriter {
    fileprivate mutating func strings(_ texts: [String]) {
        beginArray()
        for text in texts { string(text) }
        endArray()
    }
}
