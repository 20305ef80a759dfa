import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// Claims pass over what others have locked. When those are cut off, nobody tells.
@Suite("Jobs that a cut transaction had locked", .tags(.timed))
struct LostLockTests {
    private static let locked = 30

    /// Runs a statement that keeps its locks in a `pg_sleep`, marked with a comment, and returns once it sleeps.
    private func hold(_ lab: Lab, _ mark: String, _ statement: String) async throws -> Task<Void, Never> {
        let url = lab.url
        let task = Task { _ = try? await TestDatabase.psql(url, "BEGIN; \(statement) /* \(mark) */; ROLLBACK") }
        try await eventually("\(mark) holds its locks") {
            try await TestDatabase.psql(
                url,
                """
                SELECT 'held' FROM pg_stat_activity WHERE query LIKE '%/* \(mark) */%' AND wait_event = 'PgSleep'
                    AND datname = current_database()
                """
            ).contains("held")
        }
        return task
    }

    private func claim(_ process: LabProcess, _ count: Int) async throws {
        #expect(try await process.claim(upTo: count).count == count)
    }

    @Test(
        "are granted to waiting claims within five seconds",
        arguments: ["pg_terminate_backend", "pg_cancel_backend"])
    func granted(_ cut: String) async throws {
        let lab = try await Lab(.postgres)
        try await lab.enroll("worker")
        let process = LabProcess(lab)
        try await process.submit((0..<(Self.locked + 30)).map { _ in Lab.job() })
        // The first full read takes long: what it waits for has nothing to do with it.
        let slow = try await hold(lab, "slow", "SELECT 1 FROM consents FOR UPDATE; SELECT pg_sleep(1.5)")
        try await claim(process, 1)
        _ = await slow.value
        process.start()
        let locker = try await hold(
            lab, "locks",
            """
            SELECT id FROM live_jobs WHERE state = 'pending' ORDER BY tag, id LIMIT \(Self.locked) FOR UPDATE;
            SELECT pg_sleep(600)
            """)
        // Others go on meanwhile, with what came later.
        try await claim(process, 29)
        try await process.submit((0..<10).map { _ in Lab.job() })
        try await claim(process, 10)
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<Self.locked { group.addTask { try await process.claim(wait: .seconds(20)).count } }
            try await eventually("all wait") { process.broker.waitingClaims == Self.locked }
            try await World.live.sleep(.milliseconds(2_500))
            #expect(process.broker.waitingClaims == Self.locked)
            let start = World.live.monotonic()
            try await TestDatabase.psql(
                lab.url,
                """
                SELECT \(cut)(pid) FROM pg_stat_activity WHERE query LIKE '%/* locks */%' AND pid <> pg_backend_pid()
                    AND datname = current_database()
                """)
            #expect(try await group.reduce(0, +) == Self.locked)
            #expect(World.live.monotonic() - start < 5_000)
        }
        _ = await locker.value
        await process.stop()
        try await lab.expectBooksBalance()
    }
}
