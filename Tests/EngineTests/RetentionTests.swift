import Bytes
import Domain
import Engine
import Logging
import Support
import Testing
@testable import Store

@Suite("Retention", .timeLimit(.minutes(2)))
struct RetentionTests {
    private static let month = Retention(days: 30, auditDays: 30)
    private static let tables = [
        "jobs", "ended_jobs", "attempts", "job_logs", "artifacts", "job_dependencies", "job_sources", "deleted_jobs",
    ]

    private func process(_ lab: Lab, _ retention: Retention = month) -> (LabProcess, HistoryPruner) {
        let process = LabProcess(lab, retention: retention)
        return (process, HistoryPruner(process.broker, world: lab.world, logger: Logger(label: "test")))
    }

    /// Rounds until nothing is left to do; a pass that found its end begins anew.
    private func prune(_ lab: Lab, _ pruner: HistoryPruner) async throws {
        try await lab.database.write { try $0.execute("UPDATE prunings SET next_at = 0") }
        while try await pruner.round() < .seconds(30) {}
    }

    private func count(_ lab: Lab, _ table: String) async throws -> Int64? {
        try await lab.database.read { tx in
            try tx.first(SQL(stringLiteral: "SELECT COUNT(*) FROM \(table)")) { try $0.integer() }
        }
    }

    private func blob(_ text: String) -> Blob {
        Blob(hash: SHA256.hex(text), size: Int64(text.utf8.count), chunks: [Array(text.utf8)])
    }

    @Test("takes away ended jobs and all that is kept beside them", arguments: TestDatabase.all)
    func jobs(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (process, pruner) = process(lab)
        let first = try await lab.submit { $0.maxAttempts = 2 }
        let second = try await lab.submit { $0.dependsOn = [first] }
        let lease = try await lab.claim()
        let (old, new) = (blob("old"), blob("new"))
        try await lab.progress(lease, log: RawText(String(repeating: "line\n", count: 10)))
        try await lab.database.write { try $0.storeArtifact(lease.key, path: "out", blob: old) }
        try await lab.finish(lease, .failure)
        try await lab.pass(.seconds(600))
        let again = try await lab.claim()
        try await lab.database.write { try $0.storeArtifact(again.key, path: "out", blob: new) }
        try await lab.finish(again)
        try await lab.promote()
        try await lab.finish(try await lab.claim())
        let live = try await lab.submit { $0.priority = 0 }
        lab.clock.advance(by: .seconds(29 * 86_400))
        let young = try await lab.submit()
        try await lab.finish(try await lab.claim())
        try await prune(lab, pruner)
        #expect(try await count(lab, "jobs") == 4)
        lab.clock.advance(by: .seconds(2 * 86_400))
        try await prune(lab, pruner)
        #expect(try await lab.job(first) == nil)
        #expect(try await lab.job(second) == nil)
        #expect(try await lab.state(live) == .pending)
        #expect(try await lab.state(young) == .completed)
        for table in Self.tables where table != "jobs" && table != "ended_jobs" {
            #expect(try await count(lab, table) == 0, "\(table)")
        }
        lab.clock.advance(by: .seconds(3_600))
        try await prune(lab, pruner)
        #expect(try await count(lab, "blobs") == 0)
        #expect(try await count(lab, "blob_chunks") == 0)
        #expect(try await count(lab, "released_blobs") == 0)
        let pruned = process.broker.stats.snapshot.pruned
        #expect(pruned["jobs"] == 4)
        #expect(pruned["artifacts"] == 1)
        try await lab.expectBooksBalance()
    }

    @Test("is for ever unless the operator sets one", arguments: TestDatabase.all)
    func forEver(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (_, pruner) = process(lab, .forEver)
        try await lab.submit()
        try await lab.finish(try await lab.claim())
        while try await lab.seal() > 0 {}
        lab.clock.advance(by: .seconds(4_000 * 86_400))
        try await prune(lab, pruner)
        #expect(try await count(lab, "ended_jobs") == 1)
        #expect(try await count(lab, "recorded_events") ?? 0 > 1)
    }

    @Test("keeps what others need: files for jobs, audits whose money is held", arguments: TestDatabase.all)
    func needed(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (_, pruner) = process(lab)
        func ended() async throws -> JobID {
            let id = try await lab.submit()
            try await lab.finish(try await lab.claim())
            return id
        }
        let (given, retried, audited, free) = (
            try await ended(), try await ended(), try await ended(), try await ended()
        )
        var waiting = Lab.job { $0.runAt = .max / 2 }
        waiting.sources.jobs = [given.text]
        let user = try #require(try await lab.submit([waiting]).first)
        var failing = Lab.job { $0.maxAttempts = 1 }
        failing.sources.jobs = [retried.text]
        let failed = try #require(try await lab.submit([failing]).first)
        try await lab.database.write { tx in
            try tx.execute(
                """
                INSERT INTO bounties (id, author_id, title, content, points, assignment_mode, status, claimed_by,
                    escrow_status, poster_escrow, created_at, updated_at)
                VALUES (1, 'a', 't', 'c', 5, 'fcfs', 3, 'b', 'both_held', 5, 0, 0)
                """)
            try tx.execute(
                """
                INSERT INTO audits (job_id, bounty_id, is_dry_run, state, passed, failed, created_at)
                VALUES (\(audited.text), 1, 0, 'settled', 1, 1, 0)
                """)
        }
        lab.clock.advance(by: .seconds(20 * 86_400))
        try await lab.finish(try await lab.claim(), .failure)
        lab.clock.advance(by: .seconds(20 * 86_400))
        try await prune(lab, pruner)
        #expect(try await lab.job(free) == nil)
        for id in [given, retried, audited, user, failed] { #expect(try await lab.job(id) != nil) }
        try await lab.cancel(user)
        try await lab.database.write { tx in
            try tx.execute(
                "UPDATE bounties SET status = 4, escrow_status = 'settled', poster_escrow = 0, claimed_by = NULL")
        }
        lab.clock.advance(by: .seconds(11 * 86_400))
        try await prune(lab, pruner)
        for id in [given, audited, failed] { #expect(try await lab.job(id) == nil) }
        // The failed one went in this pass, behind the one that it would have needed.
        try await prune(lab, pruner)
        #expect(try await lab.job(retried) == nil)
    }

    @Test("is shared by servers, each of which goes on where another ended", arguments: TestDatabase.all)
    func servers(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let other = try await lab.neighbour()
        let jobs = try await lab.submit((0..<300).map { _ in Lab.job() })
        for job in jobs { try await lab.cancel(job) }
        lab.clock.advance(by: .seconds(31 * 86_400))
        // Who finds another at work takes nothing, and comes again.
        let gone = Shared(0)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lab in [lab, other] {
                group.addTask {
                    for _ in 0..<2_000 where gone.value < 600 {
                        let count = try await lab.database.write { tx in
                            try tx.pruneJobs(limit: 10, endedBefore: tx.now - 30 * 86_400_000).rows["jobs"] ?? 0
                        }
                        gone.change { $0 += count }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(gone.value == 600)
        #expect(try await count(lab, "jobs") == 0)
        try await lab.expectBooksBalance()
    }

    @Test("leaves of a chain what verifies from its checkpoint, and goes on", arguments: TestDatabase.all)
    func chain(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (_, pruner) = process(lab)
        func record(_ count: Int, of owner: OwnerID) async throws {
            for _ in 0..<count {
                try await lab.database.write { tx in
                    try tx.record(Event(owner: owner, type: .jobEnded, actor: "x", object: "o"))
                }
                while try await lab.seal() > 0 {}
            }
        }
        try await record(60, of: Lab.alice)
        try await record(3, of: Lab.bob)
        let before = try await lab.sealedChain(of: Lab.alice)
        lab.clock.advance(by: .seconds(20 * 86_400))
        try await record(5, of: Lab.alice)
        lab.clock.advance(by: .seconds(11 * 86_400))
        try await prune(lab, pruner)
        #expect(try await count(lab, "recorded_events") == 5)
        #expect(try await count(lab, "chain_links") == 7)
        let page = try await AuditChain(lab.database).page(of: Lab.alice, offset: 0, limit: 100)
        #expect(page.events.count == 5)
        #expect(page.checkpoint?.position == 60)
        #expect(page.checkpoint?.hash == before.last?.hash)
        #expect(page.events.first?.prevHash == before.last?.hash)
        #expect(try await AuditChain(lab.database).events(of: Lab.alice, offset: 4, limit: 9).count == 1)
        #expect(try await AuditChain(lab.database).events(of: Lab.alice, offset: .max, limit: 9).isEmpty)
        #expect(try await lab.sealedChain(of: Lab.bob).isEmpty)
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        try await lab.expectBooksBalance()
        // What was pruned to nothing goes on all the same, and is pruned again.
        try await record(2, of: Lab.bob)
        lab.clock.advance(by: .seconds(40 * 86_400))
        try await record(1, of: Lab.bob)
        try await prune(lab, pruner)
        #expect(try await lab.database.read { try $0.checkpoint(of: Lab.bob) }?.position == 5)
        #expect(try await lab.database.read { try $0.checkpoint(of: Lab.alice) }?.position == 65)
        #expect(try await lab.sealedChain(of: Lab.bob).count == 1)
        #expect(try await count(lab, "chain_links") == 3)
        for owner in [Lab.alice, Lab.bob] { try await lab.expectChain(of: owner) }
        try await lab.expectBooksBalance()
    }

    @Test("takes keys away that ended, but none that the operator configured", arguments: TestDatabase.all)
    func keys(on database: TestDatabase) async throws {
        let lab = try await Lab(database)
        let (_, pruner) = process(lab)
        try await lab.database.write { tx in
            for (hash, revoked, expires, configured) in [
                ("good", nil, nil, 0), ("later", nil, tx.now + 35 * 86_400_000, 0), ("revoked", tx.now, nil, 0),
                ("expired", nil, tx.now, 0), ("both", tx.now, tx.now, 0), ("configured", tx.now, nil, 1),
            ] as [(String, Int64?, Int64?, Int)] {
                try tx.execute(
                    """
                    INSERT INTO api_keys (hash, id, member_id, prefix, created_at, revoked_at, expires_at, configured)
                    VALUES (\(hash), \("key_" + hash), 'm', 'p', 0, \(revoked), \(expires), \(configured))
                    """)
            }
        }
        lab.clock.advance(by: .seconds(31 * 86_400))
        try await prune(lab, pruner)
        let left = try await lab.database.read { tx in
            try tx.rows("SELECT hash FROM api_keys ORDER BY hash") { try $0.text() }
        }
        #expect(left == ["configured", "good", "later"])
    }
}
