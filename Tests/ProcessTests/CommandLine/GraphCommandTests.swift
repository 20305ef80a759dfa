import Foundation
import Support
import Testing

/// Jobs that depend on one another, from the command line, on a real daemon.
@Suite("Graphs of the command line", .timeLimit(.minutes(3)))
struct GraphCommandTests {
    private static func submit(_ home: FarmHome, _ title: String, _ words: [String]) async throws -> String {
        let done = try await home.run(["job", "submit", "--title", title] + words)
        #expect(done.code == 0, "\(done.errors)")
        return done.output.trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @Test("a job is given another's file when that has completed, and fails when it never comes")
    func files() async throws {
        try await FarmHome.up { home in
            let make = try await Self.submit(
                home, "make", ["--output", "out.txt", "--", "sh", "-c", "sleep 1; echo made > out.txt"])
            let read = try await Self.submit(
                home, "read", ["--input-from", "\(make)/out.txt:in.txt", "--", "cat", "in.txt"])
            let never = try await Self.submit(home, "never", ["--input-from", "\(make)/none", "--", "true"])
            #expect(try await home.run("job", "watch", read).code == 0)
            #expect(try await home.run("job", "logs", read).output == "made\n")
            let failed = try await home.run("job", "watch", never)
            #expect(failed.code == 1 && failed.output.contains("has ended without none"), "\(failed)")
            #expect(try await home.run("job", "submit", "--title", "t", "--input-from", ":x", "--", "true").code == 64)
        }
    }

    @Test("a graph is printed, and goes on after a retry with its dependents")
    func resumed() async throws {
        try await FarmHome.up { home in
            let root = try await Self.submit(home, "root", ["--attempts", "1", "--", "sh", "-c", "sleep 1; exit 1"])
            let one = try await Self.submit(home, "one", ["--after", root, "--", "true"])
            let two = try await Self.submit(home, "two", ["--after", root, "--", "true"])
            let last = try await Self.submit(home, "last", ["--after", one, "--after", two, "--", "true"])
            #expect(try await home.run("job", "watch", root).code == 1)
            #expect(try await home.run("job", "watch", last).code == 1)
            let graph = try await home.run("job", "graph", two)
            let lines = graph.output.split(separator: "\n").map(String.init)
            #expect(
                lines == [
                    "\(root)  failed, failure  root", "└─ * \(two)  cancelled, dependency  two",
                    "   └─ \(last)  cancelled, dependency  last",
                ], "\(graph)")
            let whole = try await home.run("job", "graph", root)
            #expect(whole.output.contains("│  └─ \(last)") && whole.output.contains("├─ \(one)"), "\(whole)")
            #expect(try await home.run("job", "graph", root, "--json").output.contains(#""truncated":false"#))
            #expect(try await home.run("job", "graph", root, "--limit", "2").output.contains("see --limit"))
            #expect(try await home.run("job", "retry", root, "--with-dependents", "--watch").code == 1)
            // It fails again, and takes them along again: they were back.
            let events = try await home.run("job", "show", last)
            #expect(events.output.contains("dependency"), "\(events)")
        }
    }
}
