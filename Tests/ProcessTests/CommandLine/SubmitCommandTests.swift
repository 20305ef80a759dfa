import Bytes
import Foundation
import Glibc
import Support
import Testing

/// `hatchfarm job submit` and who follows it.
@Suite("Submitting and following", .timeLimit(.minutes(3)))
struct SubmitCommandTests {
    private func words(_ farm: Farm) -> [String] {
        ["--server", farm.server.url, "--api-key", FarmServer.operatorToken, "--owner", farm.owner.id]
    }

    /// Bytes that don't get smaller.
    private func file() throws -> String {
        let path = Scratch.path("big.bin")
        try Data(World.live.random(3 << 20)).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test("in a pipe standard output is the job's id alone, and the upload is a line beside it")
    func pipe() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let child = try await ChildProcess(
                FarmServer.program,
                try ["job", "submit", "--title", "big", "--input", "\(file()):big.bin"] + words(farm) + ["--", "true"])
            #expect(try await child.end() == .exited(0), "\(child.errors)")
            #expect(child.output.wholeMatch(of: #/[0-9a-f-]{36}\n/#) != nil, "\(child.output)")
            #expect(child.errors == "-- uploading big.bin, 3.0 MiB\n")
        }
    }

    @Test("on a terminal the upload has a bar, then the job; its lines stay, its status is drawn over itself")
    func terminal() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let daemon = try await FarmDaemon("first", for: farm.owner)
            let job = "echo one; echo ::progress 50 half; sleep 5; echo two"
            let command =
                try [FarmServer.program, "job", "submit", "--title", "big", "--watch", "--input", "\(file()):big.bin"]
                + words(farm) + ["--", "sh", "-c", "'\(job)'"]
            let child = try await Screen.child(running: command.joined(separator: " "))
            #expect(try await child.end(within: .seconds(60)) == .exited(0), "\(child.output)")
            let output = child.output
            let lines = Screen(output).lines.filter { !$0.isEmpty }
            #expect(lines.first == "uploading big.bin, 3.0 MiB  ████████████████████  100 %", "\(lines)")
            #expect(output.matches(of: #/uploading [^%]+ %/#).count > 3)
            #expect(output.contains("██████████░░░░░░░░░░  50 %, half"))
            #expect(lines.count { $0 == "one" || $0 == "two" } == 2)
            #expect(lines.last?.hasPrefix("completed in ") == true, "\(lines)")
            #expect(!lines.contains { $0.contains("50 %") })
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0))
        }
    }

    @Test("logs -f gives what the job writes as it writes it, byte for byte")
    func logs() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let job = try await farm.owner.submitted(
                "talks", [.init("command", ["sh", "-c", "echo one; sleep 10; printf 'two  \\033[1m\\n'"])])
            let child = try await ChildProcess(FarmServer.program, ["job", "logs", "-f", job] + words(farm))
            let daemon = try await FarmDaemon("first", for: farm.owner)
            try await eventually("the first line is there before the job has ended", within: .seconds(30)) {
                child.output == "one\n"
            }
            #expect(try await farm.owner.status(of: job) == "running")
            #expect(try await child.end(within: .seconds(60)) == .exited(0), "\(child.errors)")
            #expect(child.output == "one\ntwo  \u{1B}[1m\n")
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0))
        }
    }
}
