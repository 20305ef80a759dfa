internal import Bytes

/// A job as text for people.
enum JobText {
    static func path(_ job: String) -> String { "/api/v1/jobs/\(Client.escape(job))" }

    static func hasEnded(_ job: JSON) -> Bool {
        ["completed", "failed", "cancelled"].contains(job["status"]?.string)
    }

    /// "3 min 2 s ago" of an RFC 3339 time.
    static func age(_ time: JSON?) -> String {
        guard let text = time?.string, let then = RFC3339.parse(text) else { return "" }
        return "\(Text.duration(milliseconds: max(0, World.live.now() - then))) ago"
    }

    /// A summary: "completed in 1.2 s, exit code 0".
    static func ending(_ job: JSON) -> String {
        let result = job["result"]
        var parts = [job["status"]?.string ?? "ended"]
        if let time = result?["duration_ms"]?.int { parts[0] += " in \(Text.duration(milliseconds: time))" }
        // Other reasons than a failure (timeout, poison, dependency) are shown by name.
        if let reason = job["reason"]?.string, reason != "failure", reason != parts[0] {
            parts.append(Output.sanitized(reason))
        }
        if let error = job["error"]?.string, !error.isEmpty {
            parts.append(Output.sanitized(error))
        } else if let code = result?["exit_code"]?.int {
            parts.append("exit code \(code)")
        }
        return parts.joined(separator: ", ")
    }

    /// Every field that is set, one per line; nested fields are indented.
    static func lines(_ job: JSON) -> [String] {
        (job.members ?? []).flatMap { block($0.key, $0.value, indent: "") }
    }

    private static func block(_ name: String, _ value: JSON, indent: String) -> [String] {
        switch value {
        case .null: return []
        case .array(let values):
            guard !values.isEmpty else { return [] }
            let words = values.compactMap(\.string)
            if words.count == values.count { return block(name, .string(words.joined(separator: " ")), indent: indent) }
            let lines = values.enumerated().flatMap { block("\($0 + 1)", $1, indent: indent + "  ") }
            return ["\(indent)\(label(name)):"] + lines
        case .object(let members):
            guard !members.isEmpty else { return [] }
            return ["\(indent)\(label(name)):"] + members.flatMap { block($0.key, $0.value, indent: indent + "  ") }
        default:
            let texts = scalar(value).split(separator: "\n", omittingEmptySubsequences: true).map(String.init)
            guard texts.count > 1 else { return ["\(indent)\(label(name)): \(Output.sanitized(texts.first ?? ""))"] }
            return ["\(indent)\(label(name)):"] + texts.map { "\(indent)  \(Output.sanitized($0))" }
        }
    }

    private static func label(_ name: String) -> String {
        Output.sanitized(String(name.map { $0 == "_" ? " " : $0 }))
    }

    private static func scalar(_ value: JSON) -> String {
        value.string ?? value.text(.compact)
    }
}
