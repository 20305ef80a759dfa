import Bytes
import Foundation
import Glibc
import Support
import Testing

@Suite("A daemon whose terminal closes, or whose token is dead", .timeLimit(.minutes(3)))
struct HangUpTests {
    private func daemon(_ farm: Farm, _ state: String, by program: [String] = []) async throws -> ChildProcess {
        let words =
            program + [
                FarmServer.program, "worker", "--server", farm.server.url, "--api-key", FarmServer.operatorToken,
                "--owner", farm.owner.id, "--state", state, "--jobs", "1",
            ]
        let child = try await ChildProcess(words[0], Array(words.dropFirst()))
        try await eventually("it is ready", within: .seconds(60)) { child.output.contains("ready") }
        return child
    }

    private func running(_ farm: Farm) async throws -> String {
        let job = try await farm.owner.submitted("runs", [.init("command", ["sleep", "4"])])
        try await eventually("it runs", within: .seconds(60)) { try await farm.owner.status(of: job) == "running" }
        return job
    }

    @Test("SIGHUP drains, however often it comes; under nohup it does nothing")
    func hangUp() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let child = try await daemon(farm, Scratch.path("worker"))
            let job = try await running(farm)
            child.signal(SIGHUP)
            try await eventually("it drains") { child.output.contains("draining, 1 running") }
            child.signal(SIGHUP)
            #expect(try await child.end() == .exited(0), "\(child.output)\(child.errors)")
            #expect(try await farm.owner.status(of: job) == "completed")

            let deaf = try await daemon(farm, Scratch.path("worker"), by: ["/usr/bin/nohup"])
            deaf.signal(SIGHUP)
            let next = try await running(farm)
            try await eventually("it works on", within: .seconds(30)) {
                try await farm.owner.status(of: next) == "completed"
            }
            #expect(!deaf.output.contains("draining"))
            deaf.signal(SIGTERM)
            #expect(try await deaf.end() == .exited(0))
        }
    }

    @Test("a server drains at SIGHUP too")
    func server() async throws {
        try await Farm.run(on: .sqlite) { farm in
            farm.server.signal(SIGHUP)
            let ending = try await farm.server.ended()
            #expect(ending == .exited(0))
        }
    }

    @Test("a token that the server doesn't know ends the daemon with 4 and the remedy")
    func deadToken() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("worker")
            let first = try await daemon(farm, state)
            first.signal(SIGTERM)
            #expect(try await first.end() == .exited(0))
            let path = "\(state)/worker.json"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let token = try #require(try JSON(parsing: Array(text.utf8))["machine_token"]?.string)
            let other = String(repeating: "0", count: token.count)
            let file = try #require(FileHandle(forWritingAtPath: path))
            try file.write(contentsOf: Data(text.replacing(token, with: other).utf8))
            let start = ContinuousClock.now
            let child = try await ChildProcess(
                FarmServer.program, ["worker", "--server", farm.server.url, "--state", state])
            #expect(try await child.end(within: .seconds(60)) == .exited(4), "\(child.output)")
            #expect(child.errors.contains("refuses this machine's token"), "\(child.errors)")
            #expect(child.errors.contains("remove \(path) and start once with --api-key"), "\(child.errors)")
            #expect(ContinuousClock.now - start < .seconds(45))
        }
    }
}
