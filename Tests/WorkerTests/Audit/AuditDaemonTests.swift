import Bytes
import Domain
import Executors
import Runtime
import Support
import Testing
import Wire

@Suite("The daemon and audits", .timeLimit(.minutes(3)))
struct AuditDaemonTests {
    /// Runs a daemon that may fetch so, until `body` ends.
    private func withDaemon(
        _ schemes: Set<AuditScheme>, _ body: (FakeFarm) async throws -> Void
    ) async throws {
        let farm = try FakeFarm()
        var configuration = WorkerConfiguration(
            credentials: farm.credentials, capacity: Capacity(cpuCores: 4, memoryGB: 8), jobsAtOnce: 2,
            stateFolder: Scratch.path("state"), claimWaitMilliseconds: 300)
        configuration.auditSchemes = schemes
        let daemon = try await WorkerDaemon(configuration)
        let running = Task { await daemon.run() }
        var problem: (any Error)?
        do { try await body(farm) } catch { problem = error }
        await daemon.drain()
        _ = await running.value
        farm.stop()
        if let problem { throw problem }
    }

    private func audit(_ id: JobID, _ url: String, tests: String) -> ClaimedJob {
        var job = ClaimedJob.sample(id)
        job.kind = Kind.audit.rawValue
        job.command = []
        job.audit = ClaimedJob.Audit(repoURL: url, branch: "main", tests: tests)
        return job
    }

    @Test("it claims audits, runs them, and reports success with the verdict, whatever that is")
    func reports() async throws {
        let repository = try await Repository("printf 'echo 1..2; echo ok 1; echo not ok 2; exit 1' > a.t")
        try await withDaemon([.file]) { farm in
            farm.offer(audit("good", repository.url, tests: "sh a.t"))
            farm.offer(audit("bad", repository.url + "-none", tests: "sh a.t"))
            try await eventually("both are reported", within: .seconds(90)) { farm.noted { $0.results.count } == 2 }
            #expect(farm.requests(to: "/claim").allSatisfy { $0.json["kinds"] == ["compute", "audit"] })
            let good = try #require(farm.noted { $0.results["good"]?.first })
            #expect(good.status == .success && good.exitCode == 1)
            #expect(good.report?["passed"]?.int == 1 && good.report?["total"]?.int == 2)
            let bad = try #require(farm.noted { $0.results["bad"]?.first })
            #expect(bad.status == .success && bad.exitCode == nil)
            #expect(bad.report?["passed"]?.int == 0 && bad.report?["total"]?.int == 1)
            #expect(good.report?["log"]?.string?.contains("not ok 2") == true)
            #expect(farm.noted { $0.log }.contains("[audit] fetching") && farm.noted { $0.released }.isEmpty)
        }
    }

    @Test("without schemes it claims none")
    func noAudits() async throws {
        try await withDaemon([]) { farm in
            try await eventually("it claims", within: .seconds(60)) { !farm.requests(to: "/claim").isEmpty }
            #expect(farm.requests(to: "/claim").allSatisfy { $0.json["kinds"] == ["compute"] })
        }
    }
}
