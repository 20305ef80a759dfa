import Bytes
import Foundation
import Glibc
import Support
import Testing

/// Real daemons and a real server.
@Suite("A machine that can't run jobs", .timeLimit(.minutes(3)))
struct UnfitMachineTests {
    @Test("leaves them to others, which its owner sees, and takes some again once it is mended")
    func others() async throws {
        try await Farm.run(on: .sqlite) { farm in
            let broken = try await FarmDaemon("broken", for: farm.owner, ["--jobs", "1"])
            try await eventually("it is ready", within: .seconds(60)) { broken.said.contains("ready") }
            // The filter of system calls, without which nothing is started.
            let jobs = "\(broken.state)/jobs"
            let files = try FileManager.default.subpathsOfDirectory(atPath: jobs)
            let place = "\(jobs)/\(try #require(files.first { $0.contains("/seccomp-") }))"
            #expect(rename(place, "\(broken.state)/away") == 0)
            let job = try await farm.owner.submitted("for another")
            try await eventually("it says so", within: .seconds(60)) {
                broken.said.contains("can't run compute jobs, and claims none: sandbox: ")
            }
            let others = try await FarmDaemon("other", for: farm.owner)
            try await eventually("another has done it", within: .seconds(60)) {
                try await farm.owner.status(of: job) == "completed"
            }
            let attempts = try await farm.owner.job(job)["attempts"]?.array ?? []
            #expect(attempts.map { $0["outcome"] } == ["released", "success"], "\(attempts)")
            others.signal(SIGTERM)
            #expect(try await others.end() == .exited(0))
            try await eventually("its owner sees why", within: .seconds(60)) {
                let machine = try await farm.owner.client.get("/api/v1/machines/\(broken.id)").expecting(200).data
                let metrics = (machine["machine"] ?? machine)["metrics"]
                return metrics?["fault"]?.string?.hasPrefix("sandbox: ") == true
            }
            #expect(rename("\(broken.state)/away", place) == 0)
            let next = try await farm.owner.submitted("for the mended one")
            try await eventually("it takes jobs again", within: .seconds(90)) {
                try await farm.owner.status(of: next) == "completed"
            }
            #expect(broken.said.contains("can run compute jobs again"))
            broken.signal(SIGTERM)
            #expect(try await broken.end() == .exited(0), "\(broken.said)")
        }
    }
}
