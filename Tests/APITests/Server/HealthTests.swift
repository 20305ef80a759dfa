import API
import Bytes
import Store
import Testing

@Suite("Health and the document", .timeLimit(.minutes(1)))
struct HealthTests {
    @Test("health, liveness, readiness and version answer as the contract says")
    func health() async throws {
        try await TestServer.run(systems: Probe.tables + [.steelThreadAPI]) { server async throws in
            let health = try await server.get("/health").json
            #expect(health["status"] == "healthy")
            #expect(health["timestamp"]?.string.flatMap(RFC3339.parse) != nil)
            #expect(health["version"]?.string?.isEmpty == false)
            #expect(try await server.get("/healthz").json["status"] == "ok")
            #expect(try await server.get("/api/v1/healthz").text == #"{"status":"ok"}"#)
            #expect(
                try await server.get("/readyz").text == #"{"ready":true,"checks":{"database":true,"redis":true}}"#)
            #expect(try await server.get("/version").json["version"] == health["version"])
        }
    }

    @Test("without its database the server is alive, not ready, and says 500 where that is asked")
    func databaseDown() async throws {
        try await TestServer.run(systems: Probe.tables + [.steelThreadAPI]) { server async throws in
            await server.dependencies.database.close()
            let health = try await server.get("/health")
            #expect(health.status == 200)
            #expect(try await server.get("/healthz").status == 200)
            let ready = try await server.get("/readyz")
            #expect(ready.status == 503)
            #expect(try ready.json["checks"]?["database"] == false)
            #expect(try ready.json["errors"]?.array?.count == 1)
            let steel = try await server.get("/api/v1/healthz")
            #expect(steel.status == 500)
            #expect(try steel.json["error"]?["type"] == "internal_server_error")
        }
    }

    @Test("every served route is in the document, and every documented one is served")
    func document() async throws {
        try await TestServer.run { server async throws in
            let document = try await server.get("/openapi.json").json
            #expect(document["openapi"] == "3.1.0")
            let paths = try #require(document["paths"]?.members)
            let documented = paths.flatMap { path in
                (path.value.members ?? []).map { "\($0.key.uppercased()) \(path.key)" }
            }
            let served = server.app.routes.map { String($0.filter { $0 != "*" }) }.filter { !$0.contains(" /alias/") }
            #expect(documented.sorted() == served.sorted())
            let ids = paths.flatMap { path in
                (path.value.members ?? []).compactMap { $0.value["operationId"]?.string }
            }
            #expect(Set(ids).count == ids.count)
        }
    }

    @Test("each template's names are parameters of the document, and every reference leads somewhere")
    func references() async throws {
        try await TestServer.run { server async throws in
            let document = server.app.description
            let operation = try #require(document["paths"]?["/hatch/files/{path}"]?["get"])
            #expect(operation["parameters"]?.array?.first?["name"] == "path")
            let shared = Set((document["components"]?["schemas"]?.members ?? []).map(\.key))
            for reference in document.text().matches(of: #/"#\/components\/schemas\/([^"]+)"/#) {
                #expect(shared.contains(String(reference.output.1)))
            }
        }
    }
}
