import Bytes
import Foundation
import Support
import Testing

@Suite("A trace", .timeLimit(.minutes(2)))
struct TracingTests {
    private static let trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    @Test("goes from the submit to the worker and back, and stands in the logs of both")
    func trace() async throws {
        let environment = ["HATCHFARM_DEV_LOG": "true", "HATCHFARM_LOG": ""]
        let folder = Scratch.path("server")
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try await Farm.run(on: .sqlite, environment: environment, folder: folder) { farm in
            let daemon = try await FarmDaemon("traced", for: farm.owner, ["--cpu", "1", "--memory", "1"])
            let job = try await submit(farm, ["echo", "seen"])
            let other = try await submit(farm, ["true"], traceparent: "00-\(Self.trace)-0000000000000000-01")
            try await eventually("both have ended", within: .seconds(60)) {
                for id in [job, other] where try await farm.owner.status(of: id) != "completed" { return false }
                return true
            }
            daemon.signal(SIGTERM)
            _ = try await daemon.end()
            #expect(daemon.said.contains("\(job) success"), "\(daemon.said)")

            let said = daemon.said.split(separator: "\n").filter { $0.contains(job) }
            #expect(!said.isEmpty && said.allSatisfy { $0.hasSuffix("(trace \(Self.trace))") }, "\(daemon.said)")
            #expect(!daemon.said.split(separator: "\n").contains { $0.contains(other) && $0.contains("(trace") })

            let log = farm.server.log.split(separator: "\n").filter { $0.hasPrefix("{") }
            let lines = try log.map { try JSON(parsing: Array($0.utf8)) }
            let traced = lines.filter { $0["trace_id"]?.string == Self.trace }
            #expect(traced.first?["message"] == "request" && traced.first?["path"] == "/api/v1/jobs")
            #expect(traced.contains { $0["message"] == "reply" && $0["operation"] == "submitJob" })
            #expect(traced.contains { $0["path"]?.string?.hasSuffix("/\(job)/progress") == true })
            #expect(
                traced.contains {
                    $0["message"] == "result" && $0["job"]?.string == job && $0["status"] == "success"
                })
            // The development log has the same lines.
            let path = try #require(farm.server.log.firstMatch(of: #/logging to (\S+) as well/#)).output.1
            let copy = try #require(FileManager.default.contents(atPath: "\(folder)/\(path)"))
            let copied = Set(String(decoding: copy, as: UTF8.self).split(separator: "\n"))
            #expect(!log.isEmpty && log.allSatisfy { copied.contains($0) })
        }
    }

    private func submit(
        _ farm: Farm, _ command: JSON, traceparent: String = "00-\(trace)-00f067aa0ba902b7-01"
    ) async throws -> String {
        let reply = try await farm.owner.client.post(
            "/api/v1/jobs", ["title": "traced", "command": command], [("traceparent", traceparent)]
        ).expecting(201)
        return try #require(reply.json["id"]?.string)
    }
}
