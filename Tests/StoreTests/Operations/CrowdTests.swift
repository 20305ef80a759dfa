import Domain
import Store
import Support
import Testing

/// What one owner can build may be large; it must never be more than the server can take apart again.
@Suite("Crowds of dependents")
struct CrowdTests {
    /// More than the values that one statement of either database takes.
    private static let crowd = 66_000

    /// Where one statement for all of them may take its time.
    private func roomyLab(_ database: TestDatabase) async throws -> Lab {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        return try await Lab(database, settings: settings)
    }

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
        let lab = try await roomyLab(database)
        let first = try await lab.submit()
        try await submitCrowd(lab, waitingFor: first)
        try await lab.cancel(first)
        #expect(try await count(lab, "cancelled") == Int64(Self.crowd) + 1)
        try await lab.expectBooksBalance()
    }

    @Test("a job that 66,000 wait for can complete", arguments: TestDatabase.all)
    func completed(on database: TestDatabase) async throws {
        let lab = try await roomyLab(database)
        let first = try await lab.submit()
        try await submitCrowd(lab, waitingFor: first)
        try await lab.finish(try await lab.claim(for: .seconds(3_600)))
        #expect(try await count(lab, "scheduled") == Int64(Self.crowd))
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
        #expect(try await count(lab, "cancelled") == 3_001)
        try await lab.expectBooksBalance()
    }
}
