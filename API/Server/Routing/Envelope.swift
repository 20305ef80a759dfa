package import Bytes
internal import HTTPTypes

/// How a system says yes and no: what stands around the data of a success, and the body of a refusal (CONTRACT 2).
///
/// Handlers give values and throw; the server puts the envelope of the route's system around what they say, so that
/// nobody can answer in another system's words.
package struct Envelope: Sendable {
    /// The schema of a success, by that of its data.
    let success: @Sendable (Schema) -> Schema
    /// Writes a success around its data.
    let write: @Sendable (inout JSONWriter, _ data: (inout JSONWriter) -> Void) -> Void
    let failure: Shape<RefusedCall>

    package init(
        success: @escaping @Sendable (Schema) -> Schema,
        write: @escaping @Sendable (inout JSONWriter, (inout JSONWriter) -> Void) -> Void, failure: Shape<RefusedCall>
    ) {
        self.success = success
        self.write = write
        self.failure = failure
    }

    /// The data stand by themselves.
    package static func bare(failure: Shape<RefusedCall>) -> Envelope {
        Envelope(success: { $0 }, write: { $1(&$0) }, failure: failure)
    }

    /// A success in compact JSON.
    func bytes(_ data: (inout JSONWriter) -> Void) -> [UInt8] {
        var writer = JSONWriter()
        write(&writer, data)
        return writer.bytes
    }
}

/// A refusal on its way out.
package struct RefusedCall: Sendable {
    package let problem: Problem
    /// The request's own.
    package let path: String
    package let method: String
}

extension Shape where Value == RefusedCall {
    private static var error: Shape {
        Shape {
            field("type", .choice) { FailureType($0.problem) }
            field("code", .integer(400...599)) { Int64($0.problem.status.code) }
            field("message", .string) { $0.problem.message }
            field("path", .string) { $0.path }
            field("method", .string) { $0.method }
            optionalField("field", .string) { $0.problem.field }
        }
    }

    /// `{"error":{"type","code","message","path","method"}}`, with `field` when one is to blame: of the systems whose
    /// errors tell the request again (CONTRACT 2).
    package static func located(_ name: String) -> Shape {
        Shape(name) {
            field("error", error) { $0 }
        }
    }
}

private enum FailureType: String, CaseIterable {
    case http = "http_exception"
    case internalError = "internal_server_error"
    case validation = "validation_error"

    init(_ problem: Problem) {
        switch problem.status.code {
        case 422: self = .validation
        case 500: self = .internalError
        default: self = .http
        }
    }
}
