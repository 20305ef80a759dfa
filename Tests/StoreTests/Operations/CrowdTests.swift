import Domain
import Store
import Support
import Testing

/// What one owner can build may be large; it must never be more than the server can take apart again, in bites between
/// which others have their turns.
@Suite("Crowds of dependents")
struct CrowdTests {
    /// More than the values that one statement of either database takes.
    private static let crowd = 66_000

    /// One that waits for the job, and copies of it.
    private func submitCrowd(_ lab: Lab, waitingFor job: JobID) async throws {
        let one = try await lab.submit { $0.dependsOn = [job] }
        let numbers: SQL = """
            WITH RECURSIVE numbers (n) AS
                (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(Self.crowd - 1))
            """
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO jobs (id, owner_id, title, class_id, spec, max_attempts, backoff_initial, backoff_factor,
                    backoff_most, created_at)
                \(sql: numbers) SELECT 'copy-' || n, owner_id, title, class_id, spec, max_attempts, backoff_initial,
                    backoff_factor, backoff_most, created_at FROM numbers, jobs WHERE id = \(one.text)
                """)
            try tx.execute(
                """
                INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, waits_for)
                \(sql: numbers) SELECT 'copy-' || n, owner_id, class_id, state, tag, since, run_at, max_attempts,
                    waits_for FROM numbers, live_jobs WHERE id = \(one.text)
                """)
            try tx.execute(
                """
                INSERT INTO job_dependencies (job_id, depends_on)
                \(sql: numbers) SELECT 'copy-' || n, \(job.text) FROM numbers
                """)
            try tx.execute("UPDATE live_jobs SET dependents = \(Self.crowd) WHERE id = \(job.text)")
            try tx.execute(
                """
                INSERT INTO live_changes (owner_id, jobs)
                SELECT owner_id, \(Self.crowd - 1) FROM jobs WHERE id = \(job.text)
                """)
        }
    }

    private func count(_ lab: Lab, _ state: String) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first(
                """
                SELECT (SELECT COUNT(*) FROM live_jobs WHERE state = \(state))
                    + (SELECT COUNT(*) FROM ended_jobs WHERE state = \(state))
                """
            ) { try $0.integer() }
        }
    }

    @Test("a job that 66,000 wait for can be cancelled", arguments: TestDatabase.all)
    func cancelled(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        try await submitCrowd(lab, waitingFor: first)
        try await lab.cancel(first)
        #expect(try await count(lab, "cancelled") == 1, "the commit of the cancellation takes none of them")
        try await expectBites(lab, "cancelled", all: Int64(Self.crowd) + 1)
    }

    @Test("a job that 66,000 wait for can complete", arguments: TestDatabase.all)
    func completed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        try await submitCrowd(lab, waitingFor: first)
        #expect(try await lab.finish(try await lab.claim(for: .seconds(3_600))).freesOthers)
        #expect(try await count(lab, "scheduled") == 0)
        try await expectBites(lab, "scheduled", all: Int64(Self.crowd))
    }

    /// What is left is done in bites, each as small as the other; by another process as well as by this one.
    private func expectBites(_ lab: Lab, _ state: String, all: Int64) async throws {
        var before = try await count(lab, state) ?? 0
        for _ in 0..<3 {
            #expect(try await lab.database.write { try $0.cascade().isMore })
            let after = try await count(lab, state) ?? 0
            #expect(after - before == Cascade.bite)
            before = after
        }
        #expect(try await lab.neighbour().cascade() == Int((all - before) / Cascade.bite))
        #expect(try await count(lab, state) == all)
        #expect(try await lab.cascade() == 0)
        try await lab.expectBooksBalance()
    }

    @Test("a few dependents follow in the commit of the end", arguments: TestDatabase.all)
    func few(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        try await lab.submit((0..<Cascade.bite).map { _ in Lab.job { $0.dependsOn = [first] } })
        try await lab.cancel(first)
        #expect(try await count(lab, "cancelled") == Cascade.bite + 1)
        #expect(try await lab.cascade() == 0)
    }

    @Test("bites go round: a small crowd doesn't wait for a large one", arguments: TestDatabase.all)
    func turns(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (large, small) = (try await lab.submit(), try await lab.submit(by: Lab.bob))
        try await submitCrowd(lab, waitingFor: large)
        let bobs = try await lab.submit((0...Cascade.bite).map { _ in Lab.job(by: Lab.bob) { $0.dependsOn = [small] } })
        try await lab.cancel(large)
        try await lab.cancel(small, by: Lab.bob)
        for _ in 0..<8 {
            lab.clock.advance(milliseconds: 5)
            _ = try await lab.database.write { try $0.cascade() }
        }
        for id in bobs { #expect(try await lab.state(id, of: Lab.bob) == .cancelled) }
        #expect(try await count(lab, "blocked") ?? 0 > 0, "of the large one there is more to do")
    }

    @Test("a failed job can be tried again when those that waited for it are cancelled", arguments: TestDatabase.all)
    func retried(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit { $0.maxAttempts = 1 }
        let crowd = try await lab.submit((0...Cascade.bite).map { _ in Lab.job { $0.dependsOn = [first] } })
        try await lab.finish(try await lab.claim(), .failure)
        let refusal = await #expect(throws: Refusal.self) { try await lab.retry(first) }
        guard case .wrongState = refusal else {
            Issue.record("\(String(describing: refusal))")
            return
        }
        #expect(try await lab.state(first) == .failed)
        try await lab.cascade()
        try await lab.retry(first)
        let next = try await lab.submit { $0.dependsOn = [first] }
        #expect(try await lab.state(next) == .blocked)
        for id in crowd { #expect(try await lab.state(id) == .cancelled) }
        try await lab.finish(try await lab.claim())
        try await lab.cascade()
        #expect(try await lab.state(next) == .scheduled)
        try await lab.expectBooksBalance()
    }

    @Test("a chain of 3,000 falls as a whole, and takes nobody with it", arguments: TestDatabase.all)
    func chain(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let first = try await lab.submit()
        let hints = lab.hints.submit
        _ = try await lab.database.write { tx in
            var last = first
            for _ in 0..<3_000 {
                let after = last
                let reply = try tx.submit([Lab.submission([Lab.job { $0.dependsOn = [after] }])], hints: hints)
                guard case .accepted(let jobs, _)? = try reply.first?.get(), let job = jobs.first else { break }
                last = job.id
            }
            return last
        }
        try await lab.cancel(first)
        #expect(try await count(lab, "cancelled") == 501)
        try await lab.expectBooksBalance()
        try await lab.cascade()
        #expect(try await count(lab, "cancelled") == 3_001)
        try await lab.expectBooksBalance()
    }
}
