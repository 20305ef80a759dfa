import ArgumentParser
import Foundation
import Support
import Testing

@testable import hatchfarm

@Suite("Manual pages, completions and units")
struct ManualTests {
    @Test("every command has a page, with every option of its help on it")
    func pages() throws {
        let pages = try ManualPage.all()
        let names = pages.map(\.name)
        #expect(
            Set(names).isSuperset(of: [
                "hatchfarm", "hatchfarm-worker", "hatchfarm-job-submit", "hatchfarm-bounty-post", "hatchfarm-doctor",
            ]))
        #expect(Set(names).count == names.count && !names.contains("hatchfarm-manual"))
        let worker = try #require(pages.first { $0.name == "hatchfarm-worker" }).roff
        for option in ["name", "server", "api-key", "credentials", "accept-policy", "log-format", "allow-domain"] {
            #expect(worker.contains("\\-\\-" + option.replacing("-", with: "\\-")), "\(option)")
        }
        for page in pages {
            #expect(page.roff.hasPrefix(".TH ") && page.roff.contains(".SH \"NAME\""))
            #expect(page.roff.utf8.allSatisfy { $0 < 0x80 }, "\(page.name)")
            let commands = page.roff.split(separator: "\n").filter { $0.hasPrefix(".") }.map { $0.prefix(3) }
            #expect(Set(commands).isSubset(of: [".TH", ".SH", ".TP", ".PP", ".EX", ".EE"]), "\(page.name)")
            #expect(commands.count { $0 == ".EX" } == commands.count { $0 == ".EE" }, "\(page.name)")
        }
    }

    @Test("no text turns into a command of roff")
    func escapes() {
        #expect(Roff.escaped(".SH x") == "\\&.SH x")
        #expect(Roff.escaped("'x'") == "\\(aqx\\(aq")
        #expect(Roff.escaped(#"a\fB"#) == #"a\efB"#)
        #expect(Roff.escaped("1–9 µs") == "1\\[u2013]9 \\[u00B5]s")
    }

    @Test("each shell gets a script that knows the commands", arguments: ["bash", "zsh", "fish"])
    func completions(shell: String) async throws {
        let child = try await ChildProcess(FarmServer.program, ["completions", shell])
        #expect(try await child.end() == .exited(0))
        for word in ["hatchfarm", "doctor", "accept-policy", "logs", "fcfs"] {
            #expect(child.output.contains(word), "\(shell): \(word)")
        }
        if shell == "bash" {
            let path = Scratch.path("completions")
            try Data(child.output.utf8).write(to: URL(fileURLWithPath: path))
            try await Tool.run("/bin/bash", ["-n", path])
        }
    }

    private static let deploy = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Ops/deploy")

    private func read(_ name: String) throws -> String {
        try String(contentsOf: Self.deploy.appending(path: name), encoding: .utf8)
    }

    @Test("each unit reads its default file, and hands on what only it reads", arguments: DefaultFile.Unit.allCases)
    func defaults(unit: DefaultFile.Unit) throws {
        let text = try read("hatchfarm-\(unit.rawValue).service")
        #expect(text.contains("\nEnvironmentFile=/etc/default/hatchfarm-\(unit.rawValue)\n"))
        let handedOn = Variables.list.map(\.facts).filter { $0.users == [.unit] }.map(\.name)
        #expect(handedOn == ["HATCHFARM_WORKER_OPTIONS"])
        for name in handedOn where unit == .worker { #expect(text.contains(" $\(name)\n")) }
    }

    @Test("what the units start, and the options that the default files show, are understood")
    func starts() throws {
        for part in ["server", "worker"] {
            let texts = [try read("hatchfarm-\(part).service"), try read("default/hatchfarm-\(part)")]
            let words = texts.joined().matches(of: #/(?m)^(?:ExecStart=/usr/bin/hatchfarm|#\w+_OPTIONS=)(.*)$/#)
                .flatMap { $0.output.1.split(separator: " ").map { String($0) } }
                .filter { !$0.hasPrefix("$") }
            #expect(words.count >= 1)
            _ = try Hatchfarm.parseAsRoot(words)
            #expect(throws: (any Error).self) { try Hatchfarm.parseAsRoot(words + ["--no-such-option"]) }
        }
    }

    @Test("the reference names every command and every exit code")
    func reference() throws {
        let text = try read("../reference.md")
        let commands = try ManualPage.all().map { $0.name.split(separator: "-") }.filter { $0.count == 2 }.map { $0[1] }
        #expect(commands.contains("serve") && commands.contains("man"))
        for command in commands {
            #expect(text.contains("`hatchfarm \(command)") || text.contains("`\(command)`"), "\(command)")
        }
        let codes = Failure.exitCodes.matches(of: #/(?m)^ *(\d+)  (.+)$/#).map(\.output)
        #expect(codes.count == 10)
        for code in codes {
            let isThere = text.replacing("`", with: "").contains("| \(code.1) | \(code.2) |")
            #expect(isThere, "\(code.0)")
        }
    }

    @Test("the example of rules is one that can be signed")
    func rules() throws {
        _ = try PolicyFile(Self.deploy.appending(path: "rules.json").path())
    }
}
