import Domain
import Store
import Support
import Testing

@Suite("An owner's live jobs", .timeLimit(.minutes(1)))
struct LiveLimitTests {
    private func expectFull(_ body: () async throws -> Void) async {
        let refusal = await #expect(throws: Refusal.self) { try await body() }
        guard case .quota(let what, let seconds) = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(what.contains("10") && what.contains("HATCHFARM_LIVE_JOBS") && seconds > 0, "\(what)")
    }

    @Test("have a limit, beyond which submissions are refused until some have ended", arguments: TestDatabase.all)
    func limit(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database), liveJobs: 10)
        let lab = process.lab
        let key = IdempotencyKey(owner: Lab.alice, endpoint: "jobs", key: "k", bodyHash: "h")
        try await process.submit((0..<9).map { _ in Lab.job() })
        try await process.count()
        try await process.submit([Lab.job()], key: key)
        try await process.count()
        await expectFull { try await process.submit([Lab.job()]) }
        guard case .replayed = try await process.submit([Lab.job()], key: key) else {
            Issue.record("what was accepted before is answered as it was")
            return
        }
        let bobs = try await process.submit([Lab.job(by: Lab.bob)])
        guard case .accepted(let his, _) = bobs, let job = his.first?.id else { return }
        try await lab.cancel(job, by: Lab.bob)
        // Each way out counts: a result, a cancellation, those that fall with it; and the way back.
        let lease = try #require(try await process.claim().first)
        try await process.finish(lease)
        try await process.count()
        let first = try await process.submit([Lab.job { $0.maxAttempts = 1 }])
        try await process.count()
        await expectFull { try await process.submit([Lab.job()]) }
        guard case .accepted(let jobs, _) = first, let id = jobs.first?.id else { return }
        try await lab.cancel(id)
        try await process.count()
        let parent = try await lab.submit { $0.maxAttempts = 1 }
        try await lab.submit { $0.dependsOn = [parent] }
        try await process.count()
        await expectFull { try await process.submit([Lab.job()]) }
        try await lab.cancel(parent)
        try await process.count()
        try await process.submit([Lab.job()])
        try await lab.expectBooksBalance()
    }

    @Test("are forgotten when there are none", arguments: TestDatabase.all)
    func none(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database), liveJobs: 10)
        try await process.submit((0..<10).map { _ in Lab.job() })
        try await process.count()
        for lease in try await process.claim(upTo: 10) { try await process.finish(lease) }
        try await process.count()
        let left = try await process.lab.database.read { tx in
            try tx.first("SELECT (SELECT COUNT(*) FROM live_counts) + (SELECT COUNT(*) FROM live_changes)") {
                try $0.integer()
            }
        }
        #expect(left == 0)
        try await process.submit([Lab.job()])
        try await process.lab.expectBooksBalance()
    }
}
