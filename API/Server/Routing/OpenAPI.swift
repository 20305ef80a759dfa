internal import Bytes
internal import HTTPTypes

/// The OpenAPI 3.1 document, made from the route table, so that it can't say anything else.
struct OpenAPI {
    private let table: RouteTable
    private let version: String

    init(_ table: RouteTable, version: String) {
        self.table = table
        self.version = version
    }

    func json() -> JSON {
        var schemas: [String: JSON] = [:]
        var paths: [(path: String, operations: [JSON.Member])] = []
        for served in table.routes where !served.isAlias {
            let path = Self.template(served.path)
            let operation = JSON.Member(
                served.route.method.rawValue.lowercased(), operation(served, &schemas))
            if let index = paths.firstIndex(where: { $0.path == path }) {
                paths[index].operations.append(operation)
            } else {
                paths.append((path, [operation]))
            }
        }
        let shared = schemas.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value) }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "HatchFarm", "version": .string(version),
                "description": "Compute jobs on machines that their owners lend: one server, five systems.",
            ],
            "servers": [
                [
                    "url": "/",
                    "description": "This one. What is below /api/v1 of HatchFarm and of jobs is below /v1 as well.",
                ]
            ],
            "paths": .object(paths.map { JSON.Member($0.path, .object($0.operations)) }),
            "components": ["schemas": .object(shared), "securitySchemes": securitySchemes],
        ]
    }

    /// `{path*}` is written `{path}`: the standard has no word for the rest of a path.
    private static func template(_ path: String) -> String { String(path.filter { $0 != "*" }) }

    private func operation(_ served: ServedRoute, _ schemas: inout [String: JSON]) -> JSON {
        let route = served.route
        var members = [
            JSON.Member("operationId", .string(route.id)),
            JSON.Member("summary", .string(route.summary)),
            JSON.Member("tags", [.string("\(served.system.name.prefix { $0 != " " }): \(route.tag)")]),
        ]
        let parameters = parameters(served, &schemas)
        if !parameters.isEmpty { members.append(JSON.Member("parameters", .array(parameters))) }
        if let body = requestBody(route, &schemas) { members.append(JSON.Member("requestBody", body)) }
        members.append(JSON.Member("responses", responses(served, &schemas)))
        members.append(JSON.Member("security", route.authentication.security))
        return .object(members)
    }

    private func parameters(_ served: ServedRoute, _ schemas: inout [String: JSON]) -> [JSON] {
        var parameters: [JSON] = served.parameterNames.map { name in
            // Ids and handles have at most 128 characters, paths of files 512: what is longer names nothing.
            let most = served.path.contains("{\(name)*}") ? 512 : 128
            return [
                "name": .string(name), "in": "path", "required": true, "schema": Schema.string(1...most).json(&schemas),
            ]
        }
        for (place, list) in [("query", served.route.query), ("header", served.route.headers)] {
            for parameter in list {
                parameters.append([
                    "name": .string(parameter.name), "in": .string(place), "required": .bool(parameter.isRequired),
                    "description": .string(parameter.note), "schema": parameter.schema.json(&schemas),
                ])
            }
        }
        let owner = served.route.authentication.owner
        if owner != .unused {
            parameters.append([
                "name": "X-Owner-ID", "in": "header", "required": .bool(owner == .required),
                "description": "Whom the operator acts for; with a member's own key it may be absent.",
                "schema": Schema.string(1...128, pattern: "^[A-Za-z0-9_.:@-]+$").json(&schemas),
            ])
        }
        return parameters
    }

    private func requestBody(_ route: Route, _ schemas: inout [String: JSON]) -> JSON? {
        if route.hasRawBody {
            // No body at all is an empty file.
            return ["required": false, "content": ["application/octet-stream": ["schema": [:], "example": "kept"]]]
        }
        // What asks for nothing may come without a body (`Call.read`).
        return route.body.map {
            ["required": .bool(!$0.schema.asksForNothing), "content": ["application/json": media($0.schema, &schemas)]]
        }
    }

    private func media(_ schema: Schema, _ schemas: inout [String: JSON]) -> JSON {
        ["schema": schema.json(&schemas), "example": schema.example]
    }

    private func responses(_ served: ServedRoute, _ schemas: inout [String: JSON]) -> JSON {
        var members = served.route.answers.map { answer -> JSON.Member in
            var response: [JSON.Member] = [JSON.Member("description", .string(answer.note))]
            if var schema = answer.schema {
                if answer.isEnveloped { schema = served.system.envelope.success(schema) }
                response.append(JSON.Member("content", .object([JSON.Member(answer.type, media(schema, &schemas))])))
            }
            return JSON.Member(String(answer.status.code), .object(response))
        }
        let error = served.system.envelope.failure.schema.json(&schemas)
        members += served.refusals.map { status in
            JSON.Member(
                String(status.code),
                [
                    "description": .string(status.reasonPhrase),
                    "content": ["application/json": ["schema": error]],
                ])
        }
        return .object(members)
    }

    /// Those that some route asks for.
    private var securitySchemes: JSON {
        var schemes: [String: JSON] = [:]
        for served in table.routes {
            let authentication = served.route.authentication
            if let name = authentication.scheme { schemes[name] = authentication.object }
        }
        return .object(schemes.sorted { $0.key < $1.key }.map { JSON.Member($0.key, $0.value) })
    }
}

extension ServedRoute {
    /// The statuses that may refuse a call. Also who need not say who it is may be refused for saying it wrongly, and
    /// for a body that isn't asked for.
    fileprivate var refusals: [HTTPResponse.Status] {
        let writes = route.method != .get
        let isConditional = route.headers.contains { $0.name == "If-Match" }
        let hasParts = route.headers.contains { $0.name == "Range" }
        let all: [(HTTPResponse.Status, Bool)] = [
            (.badRequest, true), (.unauthorized, true), (.forbidden, true), (.notFound, true),
            (.requestTimeout, writes), (.conflict, true), (.preconditionFailed, isConditional),
            (.contentTooLarge, writes), (.unsupportedMediaType, writes), (.rangeNotSatisfiable, hasParts),
            (.unprocessableContent, writes || system.invalid == .unprocessableContent), (.upgradeRequired, true),
            (.preconditionRequired, isConditional), (.tooManyRequests, true), (.internalServerError, true),
            (.serviceUnavailable, true),
        ]
        let answered = Set(route.answers.map(\.status.code))
        return all.filter { $0.1 && !answered.contains($0.0.code) }.map(\.0)
    }
}
