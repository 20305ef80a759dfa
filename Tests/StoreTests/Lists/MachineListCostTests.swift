import Bytes
import Domain
import Support
import Testing
@testable import Store

/// What is read of all machines, of which there may be thousands, each with a job that runs.
@Suite("What is read of all machines", .tags(.timed))
struct MachineListCostTests {
    private static let owner = "farmer"

    /// Machines that are heard of and may work, of three sizes.
    private static func fill(_ tx: Transaction, _ count: Int64) throws {
        let numbers: SQL = """
            WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < \(count))
            """
        try tx.execute(
            """
            INSERT INTO machines (id, owner_id, name, token_hash, milli_cores, memory_mib, has_capacity,
                last_heartbeat_at, created_at)
            \(sql: numbers) SELECT 'wrk_' || n, \(owner), 'm', 'h' || n, 4000 * (1 + n % 3), 8192, 1, \(tx.now), 0
            FROM numbers
            """)
        try tx.execute(
            """
            INSERT INTO policies (id, owner_id, version, state, rules, created_at)
            VALUES ('pol_1', \(owner), 1, 'active', '{}', 0)
            """)
        try tx.execute(
            """
            INSERT INTO consents (id, owner_id, worker_id, policy_id, created_at)
            \(sql: numbers) SELECT 'con_' || n, \(owner), 'wrk_' || n, 'pol_1', 0 FROM numbers
            """)
        var need = Requirement(kind: .compute)
        need.milliCores = 1_000
        try tx.insertClasses([(ClassID(1), need, createdBy: Lab.alice)])
        try tx.execute(
            """
            INSERT INTO live_jobs (id, owner_id, class_id, state, tag, since, run_at, max_attempts, claim_token,
                worker_id, visible_until)
            \(sql: numbers) SELECT 'job_' || n, 'alice', 1, 'running', n, 0, 0, 3, 't', 'wrk_' || n, \(tx.now)
            FROM numbers
            """)
    }

    /// Milliseconds, the least of several.
    private func time(_ lab: Lab, _ read: @escaping @Sendable (Transaction) throws -> Void) async throws -> Int64 {
        var least = Int64.max
        for _ in 0..<3 {
            let start = World.live.monotonic()
            try await lab.database.read(read)
            least = min(least, World.live.monotonic() - start)
        }
        return least
    }

    @Test("grows as their number does, and no faster", arguments: TestDatabase.all)
    func linear(on database: TestDatabase) async throws {
        var times: [[Int64]] = []
        for count in [1_000, 8_000] as [Int64] {
            var settings = DatabaseSettings()
            settings.statementTimeoutMilliseconds = 60_000
            let lab = try await Lab(database, settings: settings)
            try await lab.database.write { tx in
                try Self.fill(tx, count)
                try tx.noteStatistics()
            }
            let classes = try await time(lab) { tx in
                let classes = try tx.resourceClasses(offset: 0, limit: 100)
                #expect(classes.map(\.machines).reduce(0, +) == count && classes.count == 3)
                #expect(classes.allSatisfy { $0.total.milliCores == ($0.free.milliCores ?? 0) + 1_000 * $0.machines })
            }
            let offers = try await time(lab) { tx in
                let machines = try tx.liveMachines()
                #expect(machines.kinds == 3)
                #expect(
                    machines.reason(for: Requirement(kind: .compute)).hasSuffix(
                        "\(count) of \(count) live machines fit"))
            }
            let load = try await time(lab) { tx in
                let votes = try tx.marketVotes()
                #expect(votes.count == 1)
            }
            times.append([classes, offers, load])
        }
        print("measured: resources, offers and load of 1,000 and 8,000 machines on \(database): \(times) ms")
        for (small, large) in zip(times[0], times[1]) { #expect(large <= 24 * max(5, small)) }
    }
}
