import Foundation
import Support
import Testing

/// The pages of `Ops/tour` are what they say: each is pasted into a shell beside a server of its own.
@Suite("The tour", .timeLimit(.minutes(3)))
struct TourTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Ops/tour").path()
    private static let systems = ["beehack", "gateway", "hatchfarm", "inkling", "steelthread"]

    private static func page(_ name: String) throws -> TourPage {
        try TourPage(String(contentsOfFile: "\(folder)/\(name).md", encoding: .utf8))
    }

    @Test("the commands of each page succeed, and print what the page says", arguments: systems)
    func session(_ system: String) async throws {
        let page = try Self.page(system)
        #expect(page.steps.count >= 8 && page.environment.count == 1, "\(page)")
        try await Farm.run(on: .sqlite, environment: page.environment) { farm in
            let printed = try await page.run(at: farm.server.url)
            #expect(page.differences(from: printed) == [])
        }
    }

    @Test("there is a page for each system, and no other")
    func pages() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder)
        #expect(names.sorted() == (["README.md"] + Self.systems.map { "\($0).md" }).sorted())
    }

    @Test("a page whose commands fail, or print something else, is found out")
    func wrong() async throws {
        func page(_ command: String, _ answer: String) throws -> TourPage {
            try TourPage("```sh\n\(command)\n```\n\n```text\n\(answer)\n```\n")
        }
        let command = "printf 'a %s\\nb\\nc 2\\n' \"$RANDOM\""
        for (answer, isRight) in [
            ("a …\nb\nc 2", true), ("a …\n  …\nc …", true), ("…", true), ("a …\nb\nc 2\n…", true),
            ("a …\nb\nc 3", false),
            ("a …\nb", false), ("a …\nc 2", false), ("a … b\nc 2", false), ("a …\nb\nc 2\nd", false),
        ] {
            let page = try page(command, answer)
            let differences = page.differences(from: try await page.run(at: ""))
            #expect(differences.isEmpty == isRight, "\(answer)")
        }
        for command in ["false", "false | cat", "echo \"$NONE\"", "exit 0"] {
            await #expect(throws: ToolFailure.self) { try await page(command, "…").run(at: "") }
        }
        let silent = try TourPage("```sh\necho more\n```\n")
        #expect(silent.differences(from: try await silent.run(at: "")).count == 1, "nothing may be printed unsaid")
        for text in ["", "```text\na\n```\n", "```console\n$ hatchfarm up\n```\n", "```python\n1\n```\n"] {
            #expect(throws: ToolFailure.self, "\(text)") { try TourPage(text) }
        }
    }
}
