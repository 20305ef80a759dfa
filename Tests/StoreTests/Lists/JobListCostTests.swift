import Domain
import Support
import Testing
@testable import Store

/// What the lists of jobs read: of a member with many jobs and many audits, among others.
@Suite("What the lists of jobs read")
struct JobListCostTests {
    /// The most that a list asks for.
    private static let limit = 101
    private static let author = MemberID("author")
    private static let prefix = "00000000-0000-7000-8000-"

    /// Of sixteen jobs eight are the member's, two audits of its tasks, the others' those of strangers; seven of eight
    /// have ended.
    private static func fill(_ tx: Transaction) throws {
        let (own, audits) = (author.text, author.auditOwner.text)
        let owner: SQL = """
            CASE WHEN n / 8 % 16 < 8 THEN \(own) WHEN n / 8 % 16 < 10 THEN \(audits) ELSE 'stranger' || n % 100 END
            """
        let id: SQL = "\(prefix) || substr('000000000000' || n, length('' || n) + 1)"
        let numbers: SQL = """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 60000)
            """
        try tx.execute(
            """
            INSERT INTO job_classes (id, kind, queue, priority, milli_cores, memory_mib, gpus, labels, isolation,
                minutes, excluded_owners, created_by, created_at)
            VALUES (1, 'compute', 'default', 5, 1000, 1024, 0, '', 1, 10, '', 'nobody', \(tx.now))
            """)
        try tx.execute(
            """
            INSERT INTO jobs (id, owner_id, title, class_id, spec, max_attempts, backoff_initial, backoff_factor,
                backoff_most, created_at)
            \(sql: numbers) SELECT \(sql: id), \(sql: owner), 'Job ' || n, 1, '{}', 3, 1000, 2, 60000, \(tx.now)
            FROM numbers
            """)
        try tx.execute(
            """
            INSERT INTO ended_jobs (id, owner_id, state, attempt, failures, losses, fence, ended_at)
            \(sql: numbers) SELECT \(sql: id), \(sql: owner), CASE WHEN n % 8 = 1 THEN 'failed' ELSE 'completed' END,
                1, 0, 0, 1, \(tx.now)
            FROM numbers WHERE n % 8 > 0
            """)
        try tx.execute(
            """
            INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts)
            \(sql: numbers) SELECT \(sql: id), \(sql: owner), 1, 'pending', n, 0, 0, 3 FROM numbers
            WHERE n % 8 = 0 AND n % 1000 > 0
            """)
        // One of 125 runs, its neighbours are blocked and scheduled.
        try tx.execute(
            """
            INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, waits_for,
                claim_token, worker_id, visible_until)
            \(sql: numbers) SELECT \(sql: id), \(sql: owner), 1,
                CASE n / 1000 % 3 WHEN 0 THEN 'running' WHEN 1 THEN 'blocked' ELSE 'scheduled' END, n, 0, 0, 3,
                CASE n / 1000 % 3 WHEN 1 THEN 1 ELSE 0 END,
                CASE n / 1000 % 3 WHEN 0 THEN 't' || n END, CASE n / 1000 % 3 WHEN 0 THEN 'w' || n END,
                CASE n / 1000 % 3 WHEN 0 THEN n END
            FROM numbers WHERE n % 1000 = 0
            """)
    }

    private static func id(_ number: Int64) -> JobID {
        let digits = String(number)
        return JobID(prefix + String(repeating: "0", count: 12 - digits.count) + digits)
    }

    private static let lists: [CostedList] = [[author.owner], [author.owner, author.auditOwner]].flatMap { owners in
        ([nil, .pending, .completed, .failed] as [JobState?]).map { status in
            CostedList("jobs of \(owners.count) owners, \(status?.rawValue ?? "all")") { tx in
                func page(before: JobID?) throws -> [Job] {
                    try tx.jobs(JobPage(owners: owners, status: status, limit: limit, before: before))
                }
                let first = try page(before: nil)
                for jobs in [first, try page(before: first.last?.id), try page(before: id(40_000))] {
                    #expect(jobs.count == limit && jobs.map(\.id) == jobs.map(\.id).sorted(by: >))
                    #expect(Set(jobs.map(\.owner)) == Set(owners), "of each of them some")
                    #expect(try tx.job(jobs[0].id, ofAny: owners) != nil)
                }
            }
        }
    }

    /// The few that run, or are blocked, among thousands that wait.
    private static let rare = ([.running, .blocked] as [JobState]).map { status in
        CostedList("\(status.rawValue) jobs of a member") { tx in
            let owners = [author.owner, author.auditOwner]
            let jobs = try tx.jobs(JobPage(owners: owners, status: status, limit: limit, before: nil))
            #expect((1...limit).contains(jobs.count) && jobs.allSatisfy { $0.state == status })
        }
    }

    @Test("no statement reads more than 1,000 rows, or a table from its beginning", arguments: TestDatabase.all)
    func bounded(on database: TestDatabase) async throws {
        var settings = DatabaseSettings()
        settings.statementTimeoutMilliseconds = 60_000
        let lab = try await Lab(database, settings: settings)
        try await lab.database.write { try Self.fill($0) }
        try await CostedList.expectBounded(Self.lists + Self.rare, in: lab)
    }
}

extension MemberID {
    fileprivate var owner: OwnerID { OwnerID(text) }
}
