import Bytes
import Foundation
import Support
import Testing

/// The examples of the API's reference, unmodified, and programs that call a server with them.
enum InklingClients {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Clients").path()
    static let python = "/usr/bin/python3"
    static let node = "/usr/bin/node"
    /// Where Debian has it.
    static let tweetnacl = "/usr/share/nodejs/tweetnacl"

    static func read(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: folder).appending(path: name))
    }

    static var hasPython: Bool {
        ["aiohttp", "cryptography"].allSatisfy { name in
            FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/\(name)")
        }
    }

    static var hasNode: Bool { [node, tweetnacl].allSatisfy { FileManager.default.fileExists(atPath: $0) } }

    /// What a program prints.
    static func run(
        _ program: String, _ arguments: [String], _ environment: [String: String] = [:]
    ) async throws -> JSON {
        let environment = environment.merging(["PYTHONDONTWRITEBYTECODE": "1"]) { own, _ in own }
        let child = try await ChildProcess(program, arguments, environment: environment)
        let ending = try await child.end(within: .seconds(60))
        guard ending == .exited(0) else { throw ToolFailure("\(ending): \(child.output)\(child.errors)") }
        return try JSON(parsing: Array(child.output.utf8))
    }

    /// The JavaScript example and what calls it in one module, which finds its package as Node looks for it.
    static func javaScript() throws -> String {
        let place = Scratch.path("javascript")
        let files = FileManager.default
        try files.createDirectory(atPath: "\(place)/node_modules", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: "\(place)/node_modules/tweetnacl", withDestinationPath: tweetnacl)
        let module = try read("inkling_client.js") + read("drive.js")
        try module.write(to: URL(filePath: "\(place)/run.mjs"))
        return "\(place)/run.mjs"
    }
}

@Suite("The API's own client examples", .timeLimit(.minutes(3)))
struct InklingClientTests {
    private static let face = "(◉‿◉)"

    @Test(
        "are as the reference prints them, to the byte",
        arguments: [
            ("sign_request.py", "2723ef28a4c5533e2b23aed8a19219243c59cc641b5884c60dc51b1318b369de"),
            ("inkling_client.py", "11650ef5833b1915074b15f82c075c172fa365bc3c665a9ddc0e2d681f9c3d59"),
            ("inkling_client.js", "33245d458ac91eefad3b910003b5e12f28bca7dd1d5d94e03828593fc79af54e"),
        ])
    func unmodified(name: String, digest: String) throws {
        #expect(SHA256.hex(Array(try InklingClients.read(name))) == digest)
    }

    /// What every client has to be answered: all is accepted but what was altered or comes again.
    private func check(_ found: JSON, _ client: FarmClient, trait: (name: String, value: Double)) async throws {
        #expect(found["dream"]?["success"] == true && found["dream"]?["remaining_dreams"] == 19, "\(found.text())")
        #expect(found["face"]?["success"] == true && found["face"]?["remaining_dreams"] == 18, "\(found.text())")
        for name in ["null", "floats", "postcard"] {
            #expect(found[name]?["status"] == 200, "\(name): \(found[name]?.text() ?? "")")
        }
        #expect(found["again"]?["status"] == 401 && found["again"]?["body"]?["code"] == "REPLAYED")
        #expect(found["forged"]?["status"] == 401 && found["forged"]?["body"]?["code"] == "INVALID_SIGNATURE")
        // Its signature holds, but nobody is there to answer.
        #expect(found["nested"]?["status"] == 503 && found["nested"]?["body"]?["code"] == "ORACLE_UNAVAILABLE")

        let dreams = try await client.get("/api/fish?limit=50").expecting(200).json["dreams"]?.array ?? []
        let own = dreams.filter { $0["author_name"] == "Inkling" }
        #expect(own.contains { $0["content"] == "I dreamed of electric sheep" })
        let faced = own.first { $0["mood"]?.string == Self.face }
        #expect(faced?["content"]?.string == "a face \(Self.face) \"quoted\" \\ \u{2028} 🦋")
        let null = own.first { $0["content"] == "with a null" }
        #expect(null?["mood"] == .null && null?["face"]?.string == Self.face)

        let child = try #require(found["child"]?.string)
        let lineage = try await client.get("/api/lineage?public_key=\(child)").expecting(200).json["lineage"]
        #expect(lineage?["name"]?.string == "Spärklet \(Self.face)" && lineage?["generation"] == 1)
        #expect(lineage?["parent"]?["public_key"] == found["public_key"])
        let traits: [(String, Double)] = [
            ("patience", 0.7), ("curiosity", 1), ("creativity", 1e-05), ("chattiness", 0.1 + 0.2),
            (trait.name, trait.value),
        ]
        for (name, value) in traits {
            #expect(lineage?["inherited_traits"]?[name]?.double == value, "\(name)")
        }
        let cards = try await client.get("/api/postcard?public=true").expecting(200).json["postcards"]?.array
        #expect(cards?.count == 1 && cards?.first?["caption"] == .null && cards?.first?["width"] == 8)
    }

    @Test(
        "Python's works",
        .enabled(if: InklingClients.hasPython, "python3-aiohttp and python3-cryptography are of Ops/install test"),
        arguments: TestDatabase.all)
    func python(on database: TestDatabase) async throws {
        try await Farm.run(on: database) { farm in
            let found = try await InklingClients.run(
                InklingClients.python, ["\(InklingClients.folder)/drive.py", farm.server.url])
            try await check(found, FarmClient(farm.server.url), trait: ("playfulness", 0))
            #expect(found["alone"]?["status"] == 200, "\(found["alone"]?.text() ?? "")")
            let shown = found["dreams"]?["dreams"]?.array ?? []
            #expect(found["dreams"]?["success"] == true && shown.count == 4)
            #expect(shown.first?["content"]?.string == "signed alone \(Self.face)")
        }
    }

    @Test(
        "JavaScript's works",
        .enabled(if: InklingClients.hasNode, "nodejs and node-tweetnacl are of Ops/install test"),
        arguments: TestDatabase.all)
    func javaScript(on database: TestDatabase) async throws {
        let module = try InklingClients.javaScript()
        try await Farm.run(on: database) { farm in
            let found = try await InklingClients.run(
                InklingClients.node, [module], ["BASE_URL": farm.server.url])
            try await check(found, FarmClient(farm.server.url), trait: ("playfulness", 1e-7))
        }
    }
}
