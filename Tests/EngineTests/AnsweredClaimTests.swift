import Domain
import Engine
import Support
import Testing

@Suite("A claim that was answered before", .timeLimit(.minutes(1)))
struct AnsweredClaimTests {
    private func claim(
        _ request: String, of process: LabProcess, wait: Duration = .zero
    ) async throws -> [LabLease] {
        try await process.claim(
            wait: wait,
            claim: { claim in
                claim.requestID = request
                claim.isRepeatable = true
            })
    }

    @Test("doesn't wait for what it will never get, and takes nobody's wake-up", arguments: TestDatabase.all)
    func leaves(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        try await process.submit([Lab.job()])
        let lease = try #require(try await claim("r", of: process).first)
        try await process.finish(lease)
        let clock = ContinuousClock()
        let start = clock.now
        #expect(try await claim("r", of: process, wait: .seconds(20)).isEmpty)
        #expect(clock.now - start < .seconds(10))
        // Two that wait at the same moment are one claim: the second is woken by another job, and gets none of it.
        let twins = (0..<2).map { _ in
            Task { try await claim("twin", of: process, wait: .seconds(20)) }
        }
        try await eventually("both wait") { process.broker.waitingClaims == 2 }
        try await process.submit([Lab.job()])
        try await process.submit([Lab.job()])
        var granted: Set<JobID> = []
        for twin in twins { granted.formUnion(try await twin.value.map(\.job)) }
        #expect(granted.count == 1)
        #expect(try await process.claim(wait: .seconds(20)).count == 1, "the other job waits for who comes")
        await process.stop()
    }
}
