internal import Bytes
internal import HTTPTypes

/// One refusal, five shapes (CONTRACT 2).
package enum ErrorShape: Sendable, CaseIterable {
    /// `{"success":false,"error":"text","code":"lease_lost"}`
    case hatchFarm
    /// `{"error":"text","code":"ERROR_CODE"}`
    case inkling
    /// `{"error":{"code":"ERROR_CODE","message":"text","details":{…}}}`
    case gateway
    /// `{"error":"text"}`
    case beeHack
    /// `{"error":{"type","code","message","path","method"}}`, with `field` when one is to blame
    case steelThread

    /// The body of the answer. `path` and `method` are the request's own.
    func render(_ problem: Problem, path: Substring, method: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        switch self {
        case .hatchFarm:
            writer.field("success", false)
            writer.field("error", problem.message)
            writer.field("code", problem.code)
            if let field = problem.field { writer.field("field", field) }
        case .inkling:
            writer.field("error", problem.message)
            writer.field("code", problem.code.uppercased())
        case .gateway:
            writer.key("error")
            writer.beginObject()
            writer.field("code", problem.code.uppercased())
            writer.field("message", problem.message)
            writer.field("details", problem.details ?? problem.field.map { ["field": .string($0)] } ?? [:])
            writer.endObject()
        case .beeHack:
            writer.field("error", problem.message)
        case .steelThread:
            writer.key("error")
            writer.beginObject()
            writer.field("type", type(of: problem))
            writer.field("code", problem.status.code)
            writer.field("message", problem.message)
            writer.field("path", String(path.prefix(1_024)))
            writer.field("method", method)
            if let field = problem.field { writer.field("field", field) }
            writer.endObject()
        }
        writer.endObject()
        return writer.bytes
    }

    private func type(of problem: Problem) -> String {
        switch problem.status.code {
        case 422: "validation_error"
        case 500: "internal_server_error"
        default: "http_exception"
        }
    }

    /// What the OpenAPI document says of an error in this shape.
    var schema: Schema {
        switch self {
        case .hatchFarm:
            .object(
                .required("success", .constant(false)), .required("error", .string()), .required("code", .string()),
                .optional("field", .string()))
        case .inkling: .object(.required("error", .string()), .required("code", .string()))
        case .gateway:
            .object(
                .required(
                    "error",
                    .object(
                        .required("code", .string()), .required("message", .string()),
                        .optional("details", .anyObject))))
        case .beeHack: .object(.required("error", .string()))
        case .steelThread:
            .object(
                .required(
                    "error",
                    .object(
                        .required("type", .choice("http_exception", "internal_server_error", "validation_error")),
                        .required("code", .integer(400...599)), .required("message", .string()),
                        .required("path", .string()), .required("method", .string()), .optional("field", .string()))))
        }
    }
}
