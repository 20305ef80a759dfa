import API
import Bytes
import Logging
import Support
import Testing

@Suite("The OpenAPI document", .timeLimit(.minutes(2)))
struct OpenAPITests {
    /// The document as served, and the routes that are.
    private func look(_ body: (_ document: JSON, _ routes: [String]) throws -> Void) async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let app = App(
                plane.dependencies, systems: APISystem.all,
                logger: Logger(label: "api") { _ in SwiftLogNoOpLogHandler() })
            let served = try await plane.send("GET", "/openapi.json", base: "")
            #expect(served.status == 200)
            #expect(served["Content-Type"] == "application/json")
            #expect(served.json == app.description)
            try body(served.json, app.routes)
        }
    }

    @Test("tells of every route, and of nothing else")
    func routes() async throws {
        try await look { document, routes in
            let documented = Operation.all(in: document).map { "\($0.method) \($0.template)" }
            let served = routes.map { $0.replacing("*}", with: "}") }
            let aliases = Set(documented.map { $0.replacing(" /api/v1/", with: " /v1/") }).subtracting(documented)
            #expect(documented.sorted() == served.filter { !aliases.contains($0) }.sorted())
            #expect(Set(documented).count == documented.count)
            // CONTRACT 4 by name, so that nothing is dropped from both.
            let worker = "/api/v1/workers/{worker}"
            for route in [
                "POST /api/v1/jobs", "POST /api/v1/jobs/batch", "GET /api/v1/jobs", "GET /api/v1/jobs/{job}",
                "DELETE /api/v1/jobs/{job}", "POST /api/v1/jobs/{job}/retry", "GET /api/v1/jobs/{job}/logs",
                "GET /api/v1/jobs/{job}/events", "GET /api/v1/jobs/{job}/artifacts",
                "GET /api/v1/jobs/{job}/artifacts/{path}", "POST \(worker)/jobs/claim",
                "POST \(worker)/jobs/{job}/extend",
                "POST \(worker)/jobs/extend", "POST \(worker)/jobs/{job}/progress",
                "PUT \(worker)/jobs/{job}/artifacts/{path}", "POST \(worker)/jobs/{job}/release",
                "POST \(worker)/jobs/{job}/result", "POST \(worker)/jobs/results", "POST \(worker)/drain",
                "GET /health", "GET /healthz", "GET /readyz", "GET /api/v1/healthz", "GET /version", "GET /metrics",
                "GET /metrics.json",
            ] {
                #expect(documented.contains(route), "\(route)")
                let alias = route.replacing("/api/v1", with: "/v1")
                #expect(served.contains(alias) || route.hasSuffix("healthz"), "\(alias)")
            }
            // CONTRACT 6, which has no other names but those of its sockets.
            let gateway = PrincipalTable.devices.rows + PrincipalTable.customers.rows
            for route in (gateway + PrincipalTable.gatewaySockets.rows).map(\.name) {
                #expect(documented.contains(route), "\(route)")
                #expect(!documented.contains(route.replacing("/api/v1", with: "/v1")) || route.contains(" /ws/"))
            }
            // CONTRACT 8.
            for route in (PrincipalTable.inklings.rows + PrincipalTable.inklingSocket.rows).map(\.name) {
                #expect(documented.contains(route), "\(route)")
            }
        }
    }

    @Test("names each operation once, each parameter of its path, and what comes of it")
    func operations() async throws {
        try await look { document, _ in
            var ids: Set<String> = []
            for path in document["paths"]?.members ?? [] {
                let names = path.key.split(separator: "/").filter { $0.hasPrefix("{") }.map {
                    String($0.dropFirst().dropLast())
                }
                for operation in path.value.members ?? [] {
                    let place = "\(operation.key) \(path.key)"
                    let id = try #require(operation.value["operationId"]?.string)
                    #expect(ids.insert(id).inserted, "\(id) twice")
                    #expect(operation.value["summary"]?.string?.isEmpty == false, "\(place)")
                    let parameters = operation.value["parameters"]?.array ?? []
                    let inPath = parameters.filter { $0["in"] == "path" }
                    #expect(inPath.compactMap { $0["name"]?.string } == names, "\(place)")
                    #expect(inPath.allSatisfy { $0["required"] == true }, "\(place)")
                    #expect(parameters.allSatisfy { $0["schema"]?.members != nil && $0["in"] != nil }, "\(place)")
                    let keys = parameters.map { "\($0["in"]?.text() ?? "") \($0["name"]?.text().lowercased() ?? "")" }
                    #expect(Set(keys).count == keys.count, "\(place)")
                    let answers = (operation.value["responses"]?.members ?? []).map(\.key)
                    #expect(answers.contains { $0.hasPrefix("2") || ["101", "302"].contains($0) }, "\(place)")
                    #expect(Set(answers).isSuperset(of: ["400", "404", "429", "500", "503"]), "\(place)")
                    #expect(!answers.contains("default") && Set(answers).count == answers.count, "\(place)")
                    #expect(!(operation.value["requestBody"] != nil && operation.key == "get"), "\(place)")
                    for scheme in operation.value["security"]?.array?.compactMap({ $0.members?.first?.key }) ?? [] {
                        #expect(document["components"]?["securitySchemes"]?[scheme] != nil, "\(scheme)")
                    }
                }
            }
        }
    }

    /// Words of JSON Schema that the document may use: those that `AnswerSchemas` understands or that only inform.
    private static let words: Set<String> = [
        "$ref", "type", "properties", "required", "items", "enum", "const", "anyOf", "minLength", "maxLength",
        "pattern",
        "format", "minimum", "maximum", "minItems", "maxItems", "additionalProperties", "description",
        "contentMediaType", "contentSchema",
    ]

    @Test("has schemas that resolve and say nothing that can't be held to")
    func schemas() async throws {
        try await look { document, _ in
            #expect(document["openapi"] == "3.1.0")
            let shared = document["components"]?["schemas"]?.members ?? []
            for schema in shared { try check(schema.value, "#/\(schema.key)", document) }
            for path in document["paths"]?.members ?? [] {
                for operation in path.value.members ?? [] {
                    let place = "\(operation.key) \(path.key)"
                    for parameter in operation.value["parameters"]?.array ?? [] {
                        try check(parameter["schema"] ?? .null, place, document)
                    }
                    let bodies =
                        [operation.value["requestBody"]] + (operation.value["responses"]?.members ?? []).map(\.value)
                    for media in bodies.flatMap({ $0?["content"]?.members ?? [] }) {
                        try check(media.value["schema"] ?? .null, "\(place) \(media.key)", document)
                    }
                }
            }
            let text = document.text()
            for schema in shared {
                #expect(text.contains("\"#/components/schemas/\(schema.key)\""), "\(schema.key) is used nowhere")
            }
        }
    }

    private func check(_ schema: JSON, _ place: String, _ document: JSON) throws {
        let members = try #require(schema.members, "\(place): no schema")
        for member in members {
            #expect(Self.words.contains(member.key), "\(place): \(member.key)")
            switch member.key {
            case "$ref":
                let name = try #require(member.value.string)
                #expect(name.hasPrefix("#/components/schemas/"), "\(name)")
                #expect(
                    document["components"]?["schemas"]?[String(name.dropFirst(21))]?.members != nil, "\(place): \(name)"
                )
            case "properties":
                for property in member.value.members ?? [] {
                    try check(property.value, "\(place).\(property.key)", document)
                }
                for name in schema["required"]?.array ?? [] {
                    #expect(member.value[name.string ?? ""] != nil, "\(place): \(name.text()) is required and unknown")
                }
            case "contentSchema": try check(member.value, "\(place) in text", document)
            case "items": try check(member.value, "\(place)[]", document)
            case "additionalProperties" where member.value.bool == nil: try check(member.value, "\(place).*", document)
            case "anyOf": for option in member.value.array ?? [] { try check(option, "\(place)|", document) }
            case "pattern": _ = try Regex(#require(member.value.string))
            default: break
            }
        }
        if let least = schema["minimum"]?.int, let most = schema["maximum"]?.int { #expect(least <= most, "\(place)") }
    }
}
