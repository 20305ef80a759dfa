import Bytes
import Foundation
import Glibc
import Support
import Testing

/// `hatchfarm worker` as its provider meets it.
@Suite("The worker's command line", .timeLimit(.minutes(3)))
struct WorkerCommandTests {
    private func worker(
        _ farm: Farm, _ arguments: [String], key: String? = FarmServer.operatorToken, server: String? = nil,
        environment: [String: String] = [:]
    ) async throws -> ChildProcess {
        let credentials = key.map { ["--api-key", $0, "--owner", farm.owner.id] } ?? []
        return try await ChildProcess(
            FarmServer.program, ["worker", "--server", server ?? farm.server.url] + credentials + arguments,
            environment: ["HOME": Scratch.path("home")].merging(environment) { $1 })
    }

    private func file(_ name: String, _ text: String, mode: Int = 0o600) throws -> String {
        let path = Scratch.path(name)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    /// Ends it when it says so, and returns all it has said.
    private func said(_ child: ChildProcess, when word: String) async throws -> String {
        try await eventually("it says \(word)", within: .seconds(60)) {
            if let ending = child.ending { throw ToolFailure("\(ending): \(child.output)\(child.errors)") }
            return child.output.contains(word)
        }
        child.signal(SIGTERM)
        #expect(try await child.end(within: .seconds(45)) == .exited(0), "\(child.errors)")
        return child.output
    }

    @Test("in a pipe each line has its time, with --log-format json each is an object")
    func formats() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("worker")
            let first = try await farm.owner.submitted("evil\u{202E} title")
            let text = try await said(worker(farm, ["--state", state]), when: "\(first) success")
            for line in text.split(separator: "\n") {
                #expect(RFC3339.parse(String(line.prefix(24))) != nil, "\(line)")
            }
            #expect(text.contains("evil title") && !text.contains("\u{202E}") && !text.contains("\u{1B}"))

            let second = try await farm.owner.submitted("other")
            let log = try await said(
                worker(farm, ["--state", state, "--log-format", "json"], key: nil), when: #""event":"finished""#)
            let events = try log.split(separator: "\n").map { try JSON(parsing: Array($0.utf8)) }
            #expect(events.allSatisfy { $0["ts"]?.string.flatMap { RFC3339.parse($0) } != nil })
            let finished = events.first { $0["event"] == "finished" }
            #expect(finished?["job"] == .string(second) && finished?["status"] == "success")
            #expect(events.contains { $0["event"] == "claimed" && $0["title"] == "other" })
            #expect(!events.contains { $0["event"] == "heartbeat" })
            let loud = try await worker(
                farm, ["--state", state, "--log-format", "json"], key: nil, environment: ["HATCHFARM_LOG": "debug"])
            #expect(try await said(loud, when: #""event":"heartbeat""#).contains(#""event":"stopped""#))
        }
    }

    @Test("on a terminal each job has a line with its percent, which is gone at the end; what happened stays")
    func live() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let job = try await farm.owner.submitted(
                "half way", [.init("command", ["sh", "-c", #"echo '::progress 50 sorting'; sleep 8"#])])
            let stop = Scratch.path("stop")
            let words = [
                FarmServer.program, "worker", "--server", farm.server.url, "--api-key", FarmServer.operatorToken,
                "--owner", farm.owner.id, "--state", Scratch.path("worker"),
            ].joined(separator: " ")
            let script = "\(words) & pid=$!; until [ -e \(stop) ]; do sleep 0.1; done; kill $pid; wait $pid"
            let child = try await Screen.child(running: script)
            func drawings() -> Int { child.output.matches(of: #/\u{1B}\[J/#).count }
            try await eventually("it is drawn again and again while the job runs", within: .seconds(30)) {
                if try await farm.owner.status(of: job) == "completed" { throw ToolFailure(child.output) }
                return drawings() >= 4 && child.output.contains("left")
            }
            try await eventually("the job has ended", within: .seconds(60)) {
                if let ending = child.ending { throw ToolFailure("\(ending): \(child.output)\(child.errors)") }
                return try await farm.owner.status(of: job) == "completed"
            }
            try Data().write(to: URL(fileURLWithPath: stop))
            #expect(try await child.end(within: .seconds(30)) == .exited(0), "\(child.output)")
            let output = child.output
            #expect(output.contains("half way: sorting") && output.contains("50 %") && output.contains("left"))
            #expect(output.contains("1 done") || output.contains("✓ half way success"))
            let screen = Screen(output)
            #expect(screen.lines.contains { $0.hasPrefix("✓ half way success in ") }, "\(screen.lines)")
            #expect(!screen.lines.contains { $0.contains("50 %") || $0.contains("running ·") }, "\(screen.lines)")
            // Twice a second at most, and the first: bytes are written only when a line has changed.
            #expect((4...40).contains(drawings()), "\(drawings()) drawings")
        }
    }

    @Test("--accept-policy signs the rules once, again when they change, and never without the key")
    func policy() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("worker")
            let rules = #"{"max_cpu_percent":70,"timezone":"Europe/Zurich","max_job_minutes":30}"#
            let path = try file("rules.json", rules)
            let arguments = ["--state", state, "--accept-policy", path]
            let first = try await said(worker(farm, arguments), when: "ready")
            #expect(first.contains("signing policy and consent for alice") && first.contains(rules))
            let signed = try JSON(parsing: Array(rules.utf8))
            #expect(try await policies(farm).map { $0["rules"] } == [signed])

            let again = try await said(worker(farm, arguments, key: nil), when: "ready")
            #expect(!again.contains("signing"))
            try Data(#"{"max_cpu_percent":60}"#.utf8).write(to: URL(fileURLWithPath: path))
            let refused = try await worker(farm, arguments, key: nil)
            #expect(try await refused.end() == .exited(4))
            let job = try await farm.owner.submitted("under the new rules")
            let changed = try await said(worker(farm, arguments), when: "\(job) success")
            #expect(changed.contains(#"{"max_cpu_percent":60}"#))
            #expect(try await policies(farm).count == 2)
            let machines = try await farm.owner.client.get("/api/v1/machines").expecting(200).data
            #expect(machines["machines"]?.array?.count ?? machines.array?.count == 1)

            for (text, code) in [(#"{"max_cpu_percent":0}"#, Int32(64)), ("nonsense", 64)] {
                let child = try await worker(farm, ["--accept-policy", file("bad.json", text)])
                #expect(try await child.end() == .exited(code))
            }
            #expect(try await policies(farm).count == 2)
        }
    }

    private func policies(_ farm: Farm) async throws -> [JSON] {
        let data = try await farm.owner.client.get("/api/v1/policies").expecting(200).data
        return data["policies"]?.array ?? data.array ?? []
    }

    @Test("--credentials is taken from a file of mode 600 for the server it is for, and from no other")
    func credentials() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("worker")
            _ = try await said(worker(farm, ["--state", state]), when: "ready")
            let text = try String(contentsOfFile: "\(state)/worker.json", encoding: .utf8)
            let good = try file("machine.json", text)
            let other = Scratch.path("other")
            let words = try await said(
                worker(farm, ["--state", other, "--credentials", good], key: nil), when: "ready")
            let id = try JSON(parsing: Array(text.utf8))["worker_id"]?.string ?? "none"
            #expect(words.contains(id))
            let cases = [
                (try file("open.json", text, mode: 0o644), farm.server.url, "chmod 600"),
                (Scratch.path("missing.json"), farm.server.url, "does not exist"),
                (good, "http://127.0.0.1:9", "is for"), (try file("bad.json", "{}"), farm.server.url, "worker_id"),
            ]
            for (path, server, word) in cases {
                let child = try await worker(farm, ["--credentials", path], key: nil, server: server)
                #expect(try await child.end() == .exited(78))
                #expect(child.errors.contains(word), "\(child.errors)")
            }
        }
    }

    @Test(
        "flags that make no sense are refused before anything is sent",
        arguments: [
            ["--max-cpu-percent", "0"], ["--jobs", "0"], ["--cpu", "-1"], ["--slurm-partition", "long"],
            ["--executor", "docker"], ["--allow-domain", "https://example.org/"], ["--log-format", "xml"],
            ["--accept-policy", "/dev/null", "--max-cpu-percent", "10"], ["--accept-policy", "/nowhere"],
            ["--cpu", "0"], ["--cpu", "0.0001"], ["--cpu", "nan"], ["--memory", "0"], ["--label", ""],
            ["--label", "fast disk"], ["--label", "é"], ["--label", String(repeating: "x", count: 65)],
            ["--queue", "a/b"], ["--queue", ""], ["--max-disk-mb", "0"], ["--max-disk-mb", "100001"],
        ])
    func flags(arguments: [String]) async throws {
        let child = try await ChildProcess(
            FarmServer.program,
            ["worker", "--server", "http://127.0.0.1:9", "--api-key", "hf_any"] + arguments)
        #expect(try await child.end() == .exited(64), "\(child.errors)")
    }
}
