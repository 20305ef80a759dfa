import Bytes
import Foundation
import Support
import Testing

@testable import hatchfarm

/// Control characters, and bytes that are no text.
@Suite("Strange text and bytes", .timeLimit(.minutes(3)))
struct StrangeTextTests {
    @Test("control and formatting characters are shown, and the rest stays as it is")
    func escapes() {
        #expect(Text.escaped("a\u{1B}[2Jb\r\n\u{7}\u{202E}\u{2028}\t") == #"a\e[2Jb\r\n\u{7}\u{202E}\u{2028}"# + "\t")
        #expect(Text.escaped("a\tb", keepsTabs: false) == #"a\tb"#)
        for text in ["", "Zoë 👩‍🚀 \\n", "日本"] { #expect(Text.escaped(text) == text) }
        #expect(LogText.lines("a\r\nb\n\nc") == ["a", "b", "", "c"])
    }

    @Test("a title can't break a row of a list, nor a log the terminal; a pipe gets the log as it is")
    func shown() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let title = "evil\n\u{1B}[2Jid  completed\u{202E}"
            let job = try await farm.owner.submitted(title)
            let machine = try await farm.owner.machine()
            let grant = try await machine.take()
            _ = try await machine.progress(grant, log: "one\u{1B}[1m\r\ntwo\n").expecting(200)
            _ = try await machine.finish(grant).expecting(200)

            let list = try await home.run("job", "list")
            #expect(list.output.split(separator: "\n").count == 2, "\(list.output)")
            #expect(list.output.contains(#"evil\n\e[2Jid  completed\u{202E}"#), "\(list.output)")
            let json = try JSON(parsing: Array(try await home.run("job", "list", "--json").output.utf8))
            #expect(json["jobs"]?.array?.first?["name"]?.string == title)
            #expect(try await home.run("job", "logs", job).output == "one\u{1B}[1m\r\ntwo\n")

            let words = [FarmServer.program, "job", "logs", job, "--server", farm.server.url]
            let more = ["--api-key", FarmServer.operatorToken, "--owner", "alice"]
            let terminal = try await Screen.child(running: (words + more).joined(separator: " "))
            #expect(try await terminal.end(within: .seconds(60)) == .exited(0), "\(terminal.output)")
            #expect(terminal.output.contains(#"one\e[1m"#) && !terminal.output.contains("\u{1B}[1m"))
            #expect(terminal.output.contains("two\r\n"))
            // Errors go to a terminal also when standard output is a pipe.
            let wrong = try await home.run("job", "list", "--status", "x\u{1B}[2J")
            #expect(wrong.code == 64 && !wrong.errors.contains("\u{1B}"), "\(wrong)")
        }
    }

    @Test("a log that is no text is kept as the job wrote it, and shown with replacement characters")
    func bytes() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let daemon = try await FarmDaemon("first", for: farm.owner)
            let script = #"printf 'plain\n'; sleep 0.5; printf 'a\377\000b\303\n'"#
            let done = try await home.run("job", "submit", "--title", "noise", "--watch", "--", "sh", "-c", script)
            #expect(done.code == 0 && done.output.contains("a\u{FFFD}\u{FFFD}b\u{FFFD}"), "\(done)")
            let id = try #require(done.output.firstMatch(of: #/job ([0-9a-f-]{36})/#).map { String($0.output.1) })
            let said = try await home.run(in: #""$0" "$@" > log.bin"#, ["job", "logs", id])
            #expect(said.code == 0, "\(said)")
            let kept = FileManager.default.contents(atPath: "\(home.folder)/log.bin").map { [UInt8]($0) }
            #expect(kept == Array("plain\na".utf8) + [0xFF, 0x00, 0x62, 0xC3, 0x0A])
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0))
        }
    }

    @Test("standard input may be any bytes, and reaches the command as they are")
    func binary() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let home = try FarmHome.beside(farm.server, as: "alice")
            let bytes = (0...255).map { UInt8($0) } + Array("é".utf8) + [0xFF, 0x00, 0x0A]
            for (name, content) in [("binary", bytes), ("text", Array("grüße\0\n".utf8))] {
                try Data(content).write(to: URL(fileURLWithPath: "\(home.folder)/\(name)"))
            }
            let daemon = try await FarmDaemon("first", for: farm.owner)
            for (name, sum) in [("binary", SHA256.hex(bytes)), ("text", SHA256.hex(Array("grüße\0\n".utf8)))] {
                let words = ["job", "submit", "--title", name, "--stdin", name, "--watch", "--", "sha256sum"]
                let result = try await home.run(words)
                #expect(result.code == 0 && result.output.contains(sum), "\(name): \(result)")
            }
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0))
        }
    }
}
