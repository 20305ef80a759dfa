import Bytes
import Domain
import Support
import Testing
@testable import Store

@Suite("The plan of every statement of a job's way is a look-up, whatever the tables hold")
struct PlanTests {
    @Test("on empty tables, on young ones and on those with statistics", arguments: TestDatabase.all)
    func plans(kind: TestDatabase) async throws {
        let lab = try await Lab(kind)
        // As PostgreSQL sees them when it has looked: there is nothing.
        try await lab.database.write { try $0.noteStatistics() }
        let worker = try await lab.enroll("w", hourlyPrice: 1_000)
        try await lab.fund(Lab.alice, 1_000_000_000)
        for round in 0..<3 {
            if round == 2 { try await lab.database.write { try $0.noteStatistics() } }
            var seen: Set<String> = []
            for (name, body) in try await steps(lab, worker) {
                let costs = try await lab.database.write { tx in try StatementCosts.of(tx, counts: false, body) }
                #expect(!costs.isEmpty, "\(name)")
                for cost in costs where seen.insert(cost.text).inserted {
                    #expect(cost.faults.isEmpty, "\(name), round \(round): \(cost.text)")
                }
            }
            #expect(seen.count > 25)
            try await lab.submit((0..<200).map { _ in Lab.job() })
        }
    }

    @Test("an index of running jobs serves only statements that name its first column", arguments: TestDatabase.all)
    func leaseIndexes(kind: TestDatabase) async throws {
        let lab = try await Lab(kind)
        let definitions = try await lab.database.read { tx in
            let all: SQL =
                tx.sqlEngine == .postgres
                ? "SELECT indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = 'live_jobs'"
                : "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'live_jobs' AND sql IS NOT NULL"
            return try tx.rows(all) { row in try row.text() }
        }
        let running = definitions.filter { $0.contains("'running'") }
        #expect(running.count == 2)
        for definition in running {
            let lead = try #require(IndexDefinition.lead(of: definition))
            #expect(definition.contains("\(lead) IS NOT NULL"), "\(definition)")
        }
    }

    private typealias Step = (String, @Sendable (Transaction) throws -> Void)

    /// Each does what it is called; the jobs for it are there.
    private func steps(_ lab: Lab, _ worker: LabWorker) async throws -> [Step] {
        func leases(_ count: Int, maxPrice: Int64? = nil) async throws -> [LabLease] {
            try await lab.submit((0..<count).map { _ in Lab.job { $0.maxPrice = maxPrice } })
            return try await lab.claim(by: "w", upTo: count)
        }
        let first = try await lab.submit()
        let hints = lab.hints
        let jobs = (0..<3).map { _ in
            Lab.job {
                $0.dependsOn = [first]
                $0.maxPrice = 1_000_000
            }
        }
        hints.know(jobs)
        let key = IdempotencyKey(owner: Lab.alice, endpoint: "submit", key: first.text, bodyHash: "x")
        let held = try await leases(3)
        let done = try await leases(3, maxPrice: 1_000_000)
        let failed = try await leases(2)
        let released = try await leases(1)
        let lost = try await leases(1)
        let claim = Lab.claim(by: worker, upTo: 3)
        let beat = MachineBeat(
            worker: worker.id, owner: worker.owner, policy: worker.policy, nonce: first.text, metrics: "{}")
        let steps: [Step] = [
            ("submit", { tx in _ = try tx.submit([Lab.submission(jobs, key: key)], hints: hints.submit) }),
            ("claim", { tx in _ = try tx.claim(claim, hints: hints.claim) }),
            ("extend", { tx in _ = try tx.extend(held.map { Extension(key: $0.key, milliseconds: 60_000) }) }),
            ("progress", { tx in try tx.progress(Progress(key: held[0].key, percent: 5, message: nil, log: "x")) }),
            (
                "finish",
                { tx in
                    _ = try tx.finish(done.map { Report(key: $0.key, outcome: Outcome(status: .success, exitCode: 0)) })
                }
            ),
            (
                "finish again",
                { tx in
                    _ = try tx.finish(done.map { Report(key: $0.key, outcome: Outcome(status: .success, exitCode: 0)) })
                }
            ),
            (
                "fail",
                { tx in
                    _ = try tx.finish(
                        failed.map { Report(key: $0.key, outcome: Outcome(status: .failure, exitCode: 1)) })
                }
            ),
            ("release", { tx in try tx.release(released[0].key) }),
            ("lose", { tx in _ = try tx.lose(lost[0].key, reason: nil) }),
            ("sweep", { tx in _ = try tx.sweep(from: .min, Picking(10)) }),
            ("promote", { tx in _ = try tx.promote(limit: 10) { _, _, _ in hints.nextTag() } }),
            ("cancel", { tx in try tx.cancel(first, owner: Lab.alice, actor: "alice") }),
            ("beat", { tx in _ = try tx.beat([beat], nonceLifetime: 1_000) }),
            ("heads", { tx in _ = try tx.heads(of: [ClassHead(id: jobs[0].classID, fromTag: .min)]) }),
            (
                "seal",
                { tx in
                    var batch = try tx.sealable(from: 0, limit: 100)
                    try batch.prepare()
                    try tx.seal(batch)
                }
            ),
            ("prune", { tx in _ = try tx.deleteExpiredCancelNotices(limit: 10) }),
        ]
        return steps
    }
}
