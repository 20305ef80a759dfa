import Bytes
import Domain
import Engine
import Store
import Support
import Testing

@Suite("Jobs that come back wake the claims that wait")
struct LongPollReturnTests {
    /// Milliseconds from `act` until the claim that waits has this job, which then is done. Polling would take half a
    /// second on the average; a hint takes no time.
    private func latency(
        of job: JobID, in process: LabProcess, _ act: @Sendable () async throws -> Void
    ) async throws -> Int64 {
        let waiting = Task { try await process.claim(by: "waiting", wait: .seconds(20)) }
        try await eventually("the claim waits") { process.broker.waitingClaims == 1 }
        let start = World.live.monotonic()
        try await act()
        let lease = try #require(try await waiting.value.first)
        let latency = World.live.monotonic() - start
        #expect(lease.job == job)
        try await process.finish(lease)
        return latency
    }

    /// A scheduler that runs while `body` measures five times; the median of them.
    private func median(on database: TestDatabase, _ body: (LabProcess) async throws -> Int64) async throws -> Int64 {
        let process = LabProcess(try await Lab(database))
        for name in ["first", "waiting"] { try await process.lab.enroll(name) }
        process.start()
        var latencies: [Int64] = []
        for _ in 0..<5 { latencies.append(try await body(process)) }
        await process.stop()
        return latencies.sorted()[2]
    }

    private func held(_ process: LabProcess, _ job: NewJob) async throws -> LabLease {
        try await process.submit([job])
        return try #require(try await process.claim(by: "first").first)
    }

    @Test("one that was released", arguments: TestDatabase.all)
    func released(on database: TestDatabase) async throws {
        let median = try await median(on: database) { process in
            let lease = try await held(process, Lab.job())
            return try await latency(of: lease.job, in: process) { try await process.broker.release(lease.key) }
        }
        #expect(median < 300)
    }

    @Test("one that was waiting for another", arguments: TestDatabase.all)
    func freed(on database: TestDatabase) async throws {
        let median = try await median(on: database) { process in
            let lease = try await held(process, Lab.job())
            guard
                case .accepted(let jobs, _) = try await process.submit([Lab.job { $0.dependsOn = [lease.job] }]),
                let next = jobs.first?.id
            else { throw NothingToClaim() }
            return try await latency(of: next, in: process) { try await process.finish(lease) }
        }
        #expect(median < 300)
    }

    @Test("one that is tried again", arguments: TestDatabase.all)
    func retried(on database: TestDatabase) async throws {
        let median = try await median(on: database) { process in
            let lease = try await held(process, Lab.job { $0.maxAttempts = 1 })
            #expect(try await process.finish(lease, .failure).state == .failed)
            return try await latency(of: lease.job, in: process) {
                _ = try await process.broker.retry(lease.job, owner: Lab.alice, actor: "alice") { _ in }
            }
        }
        #expect(median < 300)
    }

    @Test("one whose work was lost, once it has rested", arguments: TestDatabase.all)
    func lost(on database: TestDatabase) async throws {
        let median = try await median(on: database) { process in
            let lease = try await held(process, Lab.job())
            return try await latency(of: lease.job, in: process) {
                try await process.broker.lose(lease.key, reason: "killed")
            }
        }
        #expect((100..<700).contains(median))
    }
}
