import Foundation
import Testing

/// What the documents say of the tree is so.
@Suite("The documents are true to the tree")
struct DocumentTests {
    private static let documents: [(path: String, text: String)] = (["README.md"] + Tree.files(under: "Ops"))
        .filter { $0.hasSuffix(".md") }.compactMap { path in Tree.read(path).map { (path, $0) } }

    private static let rooms = "API|Ops|Scheduler|Tests|Workers"
    private static let testRooms = "DomainTests|StoreTests|EngineTests|WorkerTests|APITests|ProcessTests|Support"

    private static func isThere(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: Tree.root.appending(path: path).path())
    }

    /// The paths that a document names and that aren't there. A line about what isn't built is passed over.
    static func lostPaths(in text: String) throws -> [String] {
        let named = try Regex("`((?:\(rooms)|\(testRooms))/[A-Za-z0-9_./-]*)`")
        let suites = try Regex("`([A-Za-z]+Tests)`")
        let files = Set(Tree.sources.compactMap { $0.path.split(separator: "/").last })
        return text.split(separator: "\n").filter { !$0.contains("not built yet") }.flatMap { line in
            let paths = line.matches(of: named).compactMap { $0.output[1].substring.map { String($0) } }
            let lost = paths.filter { path in
                let isTest = path.hasPrefix("Support/") || !path.hasPrefix("Tests/") && path.contains("Tests/")
                let place = isTest ? "Tests/\(path)" : path
                return !isThere(place) && !isThere(place + ".swift")
            }
            let names = line.matches(of: suites).compactMap { $0.output[1].substring.map { String($0) } }
            return lost + names.filter { !files.contains("\($0).swift") && !isThere("Tests/\($0)") }
        }
    }

    @Test("every file and folder that they name is there")
    func paths() throws {
        #expect(Self.documents.count > 20)
        for document in Self.documents where !document.path.hasPrefix("Ops/decisions/") {
            #expect(try Self.lostPaths(in: document.text) == [], "\(document.path)")
        }
        let planted = "`API/Nowhere/X.swift` `StoreTests/Seam` `GhostTests` `Tests/Tidy` `LeaseTests`"
        #expect(try Self.lostPaths(in: planted) == ["API/Nowhere/X.swift", "GhostTests"])
    }

    @Test("every link leads to a file")
    func links() {
        var count = 0
        for document in Self.documents {
            let folder = document.path.split(separator: "/").dropLast().joined(separator: "/")
            for link in document.text.matches(of: #/\]\(([^)#:]+)\)/#).map({ String($0.output.1) }) {
                count += 1
                let isLive = Self.isThere(folder.isEmpty ? link : "\(folder)/\(link)")
                #expect(isLive, "\(document.path): \(link)")
            }
        }
        #expect(count > 30)
    }

    @Test("the architecture's examples stand in the code")
    func examples() throws {
        func squeezed(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }
        let text = try #require(Tree.read("Ops/architecture.md"))
        let block = try #require(text.firstMatch(of: #/(?s)```swift\n(.*?)```/#)).output.1
        let code = Tree.sources.map { squeezed($0.text) }
        let examples = block.split(separator: "\n\n").map { part in
            squeezed(part.split(separator: "\n").filter { !$0.hasPrefix("//") }.joined(separator: "\n"))
        }
        #expect(examples.count >= 6)
        for example in examples {
            let isThere = code.contains { $0.contains(example) }
            #expect(isThere, "\(example.prefix(80))")
        }
    }
}
