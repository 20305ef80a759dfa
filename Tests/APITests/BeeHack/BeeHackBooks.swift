import API
import Bytes
import Domain
import Engine
import Store
import Support
import Testing

/// Points.
extension BeeHackLab {
    /// What a member may spend.
    func points(of bee: Bee) async throws -> Int64 {
        let balances = try await plane.dependencies.database.read { try $0.balances(of: bee.owner) }
        return balances.first { $0.asset == .points }?.available ?? 0
    }

    /// What moved a member's points after the registration, as `escrow_hold -25`, oldest first, without the reference
    /// where it is `post:ID`. Each line has to go on from the one before (PROMISES M5).
    func lines(of bee: Bee, on id: String? = nil) async throws -> [String] {
        let newest = try await plane.dependencies.database.read { tx in
            try tx.lines(of: bee.owner, .points, before: nil, limit: 1_000)
        }
        let lines = Array(newest.reversed())
        #expect(lines.map(\.line) == (0..<lines.count).map { Int64($0 + 1) })
        for (before, line) in zip(lines, lines.dropFirst()) {
            #expect(line.balanceAfter == before.balanceAfter + line.amount && line.balanceAfter >= 0)
        }
        #expect(lines.first?.reason == "registration_bonus" && lines.first?.amount == 100)
        return lines.dropFirst().map { line in
            let amount = line.amount < 0 ? "\(line.amount)" : "+\(line.amount)"
            let isOfTask = id.map { line.reference == "post:\($0)" } ?? (line.reference?.hasPrefix("post:") == true)
            return "\(line.reason) \(amount)" + (isOfTask ? "" : " of \(line.reference ?? "nothing")")
        }
    }

    /// What is held for a task: `25/3 both_held`.
    func escrow(_ id: String) async throws -> String {
        let reply = try await get("/posts/\(id)/escrow")
        guard reply.status == 200 else { return "\(reply.status)" }
        let (poster, assignee) = (reply.json["poster_escrow"]?.int ?? -1, reply.json["assignee_escrow"]?.int ?? -1)
        return "\(poster)/\(assignee) \(reply.json["escrow_status"]?.string ?? "?")"
    }

    /// Leaves a member without a point: they are the bounty of an open task that nobody wants. Its id.
    @discardableResult
    func beggar(_ bee: Bee, leaving rest: Int64 = 0) async throws -> String {
        let all = try await points(of: bee) - rest
        return try await post(by: bee, ["points": JSON(all), "escrow": true, "assignment_mode": "owner_assigns"])
    }

    /// Balances and what is in escrow are what registrations minted, always (CONTRACT 7, PROMISES M1, M3, M6).
    func expectSum(_ comment: Comment? = nil, at place: SourceLocation = #_sourceLocation) async throws {
        let sums = try await plane.dependencies.database.read { try Sums(reading: $0) }
        #expect(sums.balances + sums.escrow == 100 * sums.members, comment, sourceLocation: place)
        #expect(sums.minted == -100 * sums.members, comment, sourceLocation: place)
        #expect(sums.others == sums.escrow, "what no member has is what is in escrow", sourceLocation: place)
        #expect(sums.ended == 0, "nothing is held for what has ended", sourceLocation: place)
        let found = try await plane.dependencies.database.read { try $0.contradictions() }
        #expect(found.isEmpty, comment, sourceLocation: place)
    }

    private struct Sums {
        let members: Int64
        /// What members may spend.
        let balances: Int64
        /// What tasks say is in escrow.
        let escrow: Int64
        /// The outside's account.
        let minted: Int64
        /// All accounts of points that are neither a member's nor the outside's.
        let others: Int64
        /// What ended tasks hold.
        let ended: Int64

        init(reading tx: Transaction) throws {
            func sum(_ query: SQL) throws -> Int64 { try tx.rows(query) { try $0.integer() }.first ?? 0 }
            members = try sum("SELECT COUNT(*) FROM members")
            balances = try sum(
                """
                SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_accounts
                WHERE asset = 'POINTS' AND kind = 'available' AND owner_id IN (SELECT id FROM members)
                """)
            escrow = try sum(
                "SELECT CAST(COALESCE(SUM(poster_escrow + assignee_escrow), 0) AS BIGINT) FROM bounties")
            minted = try sum(
                """
                SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_accounts
                WHERE asset = 'POINTS' AND id = 'system/POINTS/external'
                """)
            others = try sum(
                """
                SELECT CAST(COALESCE(SUM(balance), 0) AS BIGINT) FROM ledger_accounts
                WHERE asset = 'POINTS' AND id <> 'system/POINTS/external'
                    AND NOT (kind = 'available' AND owner_id IN (SELECT id FROM members))
                """)
            ended = try sum(
                """
                SELECT CAST(COALESCE(SUM(poster_escrow + assignee_escrow), 0) AS BIGINT) FROM bounties
                WHERE status >= 4
                """)
        }
    }
}

/// Audits.
extension BeeHackLab {
    /// What a task needs to be audited.
    static let audited: JSON = [
        "escrow": true, "repo_url": "https://github.com/example/words.git", "branch": "main", "tests": "npm test",
    ]

    static func audited(with fields: JSON) -> JSON { .object((audited.members ?? []) + (fields.members ?? [])) }

    /// A machine that may run audits, of somebody who has no part in any task.
    func auditor(of caller: Caller = .bob) async throws -> Worker {
        let machine = try await plane.machine(of: caller)
        let policy = try await plane.policy(
            of: caller, rules: #"{"max_cpu_percent":100,"max_job_minutes":720,"network":true}"#)
        let consent = try await plane.consent(of: caller, worker: machine.id, policy: policy)
        return Worker(id: machine.id, token: machine.token, policy: policy, consent: consent)
    }

    func claimAudits(_ worker: Worker) async throws -> [Held] {
        let capacity: JSON = ["cpu_cores": 64, "memory_gb": 256]
        return try await plane.claim(worker, ["limit": 10, "kinds": ["audit"], "capacity": capacity])
    }

    /// The one audit that waits, in the hands of `worker`.
    func audit(by worker: Worker, at place: SourceLocation = #_sourceLocation) async throws -> Held {
        let held = try await claimAudits(worker)
        #expect(held.count == 1, sourceLocation: place)
        return try #require(held.first, "no audit was granted", sourceLocation: place)
    }

    /// The result of an audit in which so many of all tests passed.
    static func verdict(_ passed: Int64, of total: Int64) -> JSON {
        verdict(["passed": JSON(passed), "failed": JSON(total - passed), "total": JSON(total), "log": "ran"])
    }

    static func verdict(_ report: JSON?) -> JSON {
        let fields: [JSON.Member] = [
            .init("status", "success"), .init("exit_code", 0), .init("executed_at", "2026-01-01T00:00:00Z"),
            .init("duration_ms", 5),
        ]
        return .object(fields + (report.map { [.init("report", $0)] } ?? []))
    }

    func audits(of id: String, _ bee: Bee) async throws -> [JSON] {
        try must(await get("/posts/\(id)/audit", bee))["audits"]?.array ?? []
    }
}
