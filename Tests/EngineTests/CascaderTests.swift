import Bytes
import Domain
import Engine
import Logging
import Store
import Support
import Testing

@Suite("Those that wait for an ended job", .timeLimit(.minutes(2)))
struct CascaderTests {
    private static let crowd = 3_000

    private func submitCrowd(_ process: LabProcess) async throws -> JobID {
        let first = try await process.lab.submit()
        for _ in 0..<3 {
            try await process.submit((0..<Self.crowd / 3).map { _ in Lab.job { $0.dependsOn = [first] } })
        }
        return first
    }

    private func count(_ lab: Lab, _ state: String) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first("SELECT COUNT(*) FROM live_jobs WHERE state = \(state)") { try $0.integer() }
        }
    }

    @Test("are seen to at once, also by a process that has just begun", arguments: TestDatabase.all)
    func woken(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let (one, two) = (try await submitCrowd(process), try await submitCrowd(process))
        // Nobody is up: what is to be done waits in the database.
        _ = try await process.broker.cancel(one, owner: Lab.alice, actor: "alice") { _ in }
        #expect(try await count(process.lab, "blocked") == Int64(2 * Self.crowd))
        process.start()
        try await eventually("the first crowd is cancelled") {
            try await count(process.lab, "blocked") == Int64(Self.crowd)
        }
        let lease = try #require(try await process.claim(wait: .seconds(20)).first)
        #expect(lease.job == two)
        try await process.finish(lease)
        try await eventually("the second is ready") { try await count(process.lab, "pending") == Int64(Self.crowd) }
        await process.stop()
        try await process.lab.expectBooksBalance()
    }

    @Test("and can't be settled hold up nobody else's", arguments: TestDatabase.all)
    func unsettleable(on database: TestDatabase) async throws {
        let process = LabProcess(try await Lab(database))
        let lab = process.lab
        let (bad, good) = (try await submitCrowd(process), try await submitCrowd(process))
        let broken = try await lab.database.read { tx in
            try tx.first("SELECT MAX(job_id) FROM job_dependencies WHERE depends_on = \(bad.text)") { try $0.text() }
        }
        let id = try #require(broken)
        // The way of this one into history is barred.
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO ended_jobs (id, owner_id, state, attempt, failures, losses, fence, ended_at)
                VALUES (\(id), 'alice', 'cancelled', 0, 0, 0, 0, 0)
                """)
        }
        for job in [bad, good] { try await lab.cancel(job) }
        let noted = InternalErrors()
        let aside = SetAside("test", world: lab.world, logger: Logger(label: "test"), internalErrors: noted)
        let cascader = Cascader(process.broker, aside: aside)
        for _ in 0..<60 { _ = try await cascader.round() }
        #expect(noted.count == 1)
        #expect(try await count(lab, "blocked") == 1)
        try await lab.database.write { tx in try tx.execute("DELETE FROM ended_jobs WHERE id = \(id)") }
        lab.clock.advance(by: .seconds(61))
        _ = try await cascader.round()
        #expect(try await count(lab, "blocked") == 0)
        #expect(noted.count == 1)
        try await lab.expectBooksBalance()
    }
}
