internal import Bytes

/// How Inkling says yes and no: every success has `"success": true` among its own members (CONTRACT 2).
enum InklingEnvelope {
    static let envelope = Envelope(success: marked, write: write, failure: failure)

    private static let failure = Shape<RefusedCall>("InklingError") {
        refusal.at { $0.problem }
    }

    static let refusal = Shape<Problem> {
        field("error", .string) { text($0) }
        field("code", .string) { code($0) }
    }

    private static func code(_ problem: Problem) -> String {
        problem.code == "missing_field" ? "MISSING_FIELDS" : problem.code.uppercased()
    }

    private static func text(_ problem: Problem) -> String {
        switch problem.code {
        case "missing_field": "Missing required fields: \(problem.message)"
        case "internal": "Internal server error: \(problem.message)"
        default: problem.message
        }
    }

    @Sendable private static func marked(_ schema: Schema) -> Schema {
        switch schema {
        case .record(let properties): .record([.required("success", .constant(true))] + properties)
        case .named(_, let schema), .exemplified(let schema, _): marked(schema)
        case .either(let schemas): .either(schemas.map(marked))
        default: schema
        }
    }

    /// The data are an object.
    @Sendable private static func write(_ writer: inout JSONWriter, _ data: (inout JSONWriter) -> Void) {
        var object = JSONWriter()
        data(&object)
        let members = object.bytes.dropFirst()
        writer.raw(Array(#"{"success":true"#.utf8) + (members.count > 1 ? [UInt8(ascii: ",")] : []) + members)
    }
}
