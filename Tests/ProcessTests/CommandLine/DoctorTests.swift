import Bytes
import Foundation
import Glibc
import Support
import Testing

@testable import hatchfarm

@Suite("The doctor", .timeLimit(.minutes(3)))
struct DoctorTests {
    /// Its exit code, and its findings by part and name.
    private func doctor(
        _ arguments: [String], _ environment: [String: String] = [:], folder: String = "/"
    ) async throws -> (code: Int32, findings: JSON) {
        let child = try await ChildProcess(
            FarmServer.program, ["doctor", "--json"] + arguments, environment: environment, folder: folder)
        guard case .exited(let code) = try await child.end(within: .seconds(60)) else {
            throw ToolFailure("killed: \(child.errors)")
        }
        return (code, try JSON(parsing: Array(child.output.utf8)))
    }

    private func finding(_ part: String, _ name: String, in findings: JSON) -> JSON? {
        findings[part]?.array?.first { $0["name"] == .string(name) }
    }

    private func expectRemedies(_ findings: JSON) {
        for finding in (findings.members ?? []).flatMap({ $0.value.array ?? [] }) where finding["level"] != "ok" {
            #expect((finding["remedy"]?.string ?? "").utf8.count > 5, "\(finding)")
        }
    }

    @Test("a database that isn't there is not made, one that is old is told, one that is right is left alone")
    func database() async throws {
        let path = Scratch.path("farm.db")
        let environment = ["DATABASE_URL": "sqlite:\(path)", "HATCHFARM_API_TOKEN": String(repeating: "t", count: 64)]
        let none = try await doctor([], environment)
        #expect(none.code == 0 && finding("server", "database", in: none.findings)?["level"] == "warn")
        #expect(!FileManager.default.fileExists(atPath: path))
        #expect(none.findings["worker"] == nil)

        #expect(FileManager.default.createFile(atPath: path, contents: nil))
        let old = try await doctor([], environment)
        let told = finding("server", "database", in: old.findings)
        #expect(old.code == 0 && told?["level"] == "warn")
        #expect(told?["found"]?.string?.contains("missing: 0001_jobs") == true)

        let migrating = try await ChildProcess(FarmServer.program, ["migrate"], environment: environment)
        #expect(try await migrating.end() == .exited(0))
        let right = try await doctor([], environment)
        #expect(right.code == 0)
        #expect(finding("server", "database", in: right.findings)?["level"] == "ok")
        #expect(finding("server", "operator token", in: right.findings)?["level"] == "ok")
        for findings in [none.findings, old.findings, right.findings] { expectRemedies(findings) }
    }

    @Test("PostgreSQL's steps and clock are looked at")
    func postgres() async throws {
        try await Farm.run(on: .postgres) { farm in
            let url = try await TestDatabase.postgres.freshURL()
            let fresh = try await doctor([], ["DATABASE_URL": url])
            #expect(finding("server", "database", in: fresh.findings)?["level"] == "warn")
            #expect(finding("server", "database clock", in: fresh.findings)?["level"] == "ok")
            #expect(fresh.code == 0)
        }
        let nowhere = try await doctor([], ["DATABASE_URL": "postgres://nobody:secret@127.0.0.1:9/none"])
        #expect(nowhere.code == 1 && !nowhere.findings.text(.compact).contains("secret"))
    }

    @Test("a Redis that may evict fails, and so does one that isn't there")
    func redis() async throws {
        let redis = try await FarmRedis()
        let database = "sqlite:\(Scratch.path("farm.db"))"
        let right = try await doctor([], ["DATABASE_URL": database, "REDIS_ADDR": redis.address])
        #expect(right.code == 0 && finding("server", "Redis", in: right.findings)?["level"] == "ok")
        try await Tool.run(
            "/usr/bin/redis-cli", ["-p", "\(redis.port)", "config", "set", "maxmemory-policy", "allkeys-lru"])
        let evicting = try await doctor([], ["DATABASE_URL": database, "REDIS_ADDR": redis.address])
        #expect(evicting.code == 1)
        #expect(finding("server", "Redis", in: evicting.findings)?["remedy"]?.string?.contains("noeviction") == true)
        try await redis.kill()
        let gone = try await doctor([], ["DATABASE_URL": database, "REDIS_ADDR": redis.address])
        #expect(gone.code == 1 && finding("server", "Redis", in: gone.findings)?["level"] == "fail")
        expectRemedies(gone.findings)
    }

    @Test("settings that are wrong, or that open a door")
    func settings() async throws {
        let database = "sqlite:\(Scratch.path("farm.db"))"
        let nowhere = try await doctor([], ["DATABASE_URL": "sqlite:\(Scratch.path("none"))/farm.db"])
        #expect(nowhere.code == 1)
        #expect(finding("server", "database folder", in: nowhere.findings)?["level"] == "fail")
        let wrong = try await doctor([], ["DATABASE_URL": database, "PORT": "http"])
        #expect(wrong.code == 1 && wrong.findings.text(.compact).contains("PORT"))
        let cases: [([String: String], String)] = [
            ([:], "ok"), (["HOST": "0.0.0.0"], "warn"), (["REQUIRE_HTTPS": "true"], "fail"),
            (["REQUIRE_HTTPS": "true", "TRUST_PROXY_HEADERS": "true"], "ok"),
        ]
        for (more, level) in cases {
            let environment = ["DATABASE_URL": database].merging(more) { $1 }
            let answer = try await doctor([], environment)
            #expect(finding("server", "HTTPS", in: answer.findings)?["level"] == .string(level), "\(more)")
            #expect(answer.code == (level == "fail" ? 1 : 0))
            #expect(finding("server", "operator token", in: answer.findings)?["level"] == "warn")
        }
    }

    @Test("a worker's machine: its sandbox, its server, whether it is known there, and its token's file")
    func worker() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let state = Scratch.path("worker")
            let arguments = ["--worker", "--server", farm.server.url, "--state", state]
            let stranger = try await doctor(arguments)
            #expect(stranger.findings["server"] == nil)
            #expect(finding("worker", "credentials", in: stranger.findings)?["level"] == "warn")
            #expect(finding("worker", "server", in: stranger.findings)?["level"] == "ok")
            #expect(finding("worker", "clock", in: stranger.findings)?["level"] == "ok")

            let daemon = try await ChildProcess(
                FarmServer.program,
                ["worker", "--server", farm.server.url, "--api-key", FarmServer.operatorToken, "--owner", "alice"]
                    + ["--state", state])
            try await eventually("it works", within: .seconds(60)) { daemon.output.contains("starting worker") }
            let known = try await doctor(arguments)
            #expect(known.code == 0, "\(known.findings.text(.compact))")
            #expect(finding("worker", "sandbox", in: known.findings)?["level"] == "ok")
            let layers = known.findings["worker"]?.array?.filter { $0["name"]?.string?.hasPrefix("- ") == true } ?? []
            #expect(layers.count >= 3)
            #expect(finding("worker", "machine", in: known.findings)?["level"] == "ok")
            daemon.signal(SIGTERM)
            #expect(try await daemon.end() == .exited(0))

            let path = "\(state)/worker.json"
            let text = try String(contentsOfFile: path, encoding: .utf8)
            let forged = text.replacing(#/"machine_token":"[0-9a-f]{4}/#, with: #""machine_token":"ffff"#)
            try Data(forged.utf8).write(to: URL(fileURLWithPath: path))
            chmod(path, 0o600)
            let unknown = try await doctor(arguments)
            #expect(unknown.code == 1 && finding("worker", "machine", in: unknown.findings)?["level"] == "fail")
            chmod(path, 0o640)
            let open = try await doctor(arguments)
            #expect(open.code == 1 && finding("worker", "credentials", in: open.findings)?["level"] == "fail")
            for findings in [stranger.findings, unknown.findings, open.findings] { expectRemedies(findings) }
        }
        let away = try await doctor(
            ["--worker", "--server", "http://127.0.0.1:9", "--state", Scratch.path("worker")])
        #expect(away.code == 1 && finding("worker", "server", in: away.findings)?["level"] == "fail")
    }

    @Test("clocks: good within 5 s, a warning within 90 s, beyond it heartbeats are refused")
    func clocks() {
        let levels = [0, -5_000, 5_001, -90_000, 90_001, .min + 1, .max].map { (skew: Int64) in
            Finding.clock("clock", skew: skew, of: "it").level
        }
        #expect(levels == [.ok, .ok, .warn, .warn, .fail, .fail, .fail])
    }
}
