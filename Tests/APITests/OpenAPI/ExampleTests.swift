import API
import Bytes
import Support
import Testing

@Suite("The examples of the document", .timeLimit(.minutes(2)))
struct ExampleTests {
    /// Of each operation: where it is, and itself.
    private func operations(_ body: (_ place: String, JSON, AnswerSchemas) throws -> Void) async throws {
        try await ControlPlane.run(.sqlite) { plane in
            let document = try await plane.send("GET", "/openapi.json", base: "").json
            let schemas = AnswerSchemas(document)
            for path in document["paths"]?.members ?? [] {
                for operation in path.value.members ?? [] {
                    try body("\(operation.key) \(path.key)", operation.value, schemas)
                }
            }
        }
    }

    @Test("each body and each success has one, which its schema allows")
    func valid() async throws {
        var count = 0
        try await operations { place, operation, schemas in
            let bodies = [("body", operation["requestBody"])]
            let successes = (operation["responses"]?.members ?? []).filter { $0.key < "300" }.map { ($0.key, $0.value) }
            for (name, content) in bodies + successes {
                for media in content?["content"]?.members ?? [] {
                    let example = try #require(media.value["example"], "\(place) \(name) has none")
                    let schema = try #require(media.value["schema"])
                    let flaw = schemas.flaw(of: example, schema, at: "$")
                    #expect(flaw == nil, "\(place) \(name): \(example.text())")
                    count += 1
                }
            }
        }
        #expect(count > 200)
    }

    @Test("what reads a body takes its example")
    func read() {
        var count = 0
        for route in APISystem.all.flatMap(\.routes) {
            guard let body = route.body else { continue }
            let example = body.schema.example
            #expect(throws: Never.self, "\(route.id): \(example.text())") { try body.read(example) }
            count += 1
        }
        #expect(count > 50)
    }
}
