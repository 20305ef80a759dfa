package import Domain

/// A machine as its owner sees it.
package struct MachineStatus: Sendable {
    package var machine: Machine
    package var isDraining: Bool
    /// Milliseconds since 1970; nil before the first.
    package var lastHeartbeatAt: Int64?
    /// What the last heartbeat said, a JSON object; nil when it said nothing.
    package var metrics: String?

    /// One that was registered a moment ago.
    package init(_ machine: Machine) {
        self.machine = machine
        isDraining = false
    }

    init(_ row: inout Row) throws {
        let id = try MachineID(row.text())
        let owner = try OwnerID(row.text())
        let name = try row.text()
        let createdAt = try row.integer()
        var capacity = try Capacity(
            milliCores: row.optionalInteger(), memoryMiB: row.optionalInteger(), gpus: row.integer(),
            labels: row.text().split(separator: "\n").map(String.init))
        capacity.isolation = try row.optionalInteger().flatMap { Isolation(rank: $0) }
        let hasCapacity = try row.bool()
        machine = try Machine(
            id: id, owner: owner, name: name, createdAt: createdAt, capacity: hasCapacity ? capacity : nil,
            hourlyPrice: row.optionalInteger())
        isDraining = try row.bool()
        lastHeartbeatAt = try row.optionalInteger()
        metrics = try row.optionalText()
    }
}

extension Transaction {
    private static let machineColumns: StaticString = """
        id, owner_id, name, created_at, milli_cores, memory_mib, gpus, labels, isolation, has_capacity,
        CASE states_price WHEN 1 THEN hourly_price END, draining, last_heartbeat_at, metrics
        """

    /// An owner's machine; nil when it has no such one.
    package func machine(_ id: MachineID, owner: OwnerID) throws -> MachineStatus? {
        try first(
            """
            SELECT \(raw: Self.machineColumns) FROM machines WHERE id = \(id.text) AND owner_id = \(owner.text)
            """
        ) { try MachineStatus(&$0) }
    }

    /// An owner's machines by id, those behind `after`.
    package func machines(of owner: OwnerID, after: MachineID?, limit: Int) throws -> [MachineStatus] {
        try rows(
            """
            SELECT \(raw: Self.machineColumns) FROM machines
            WHERE owner_id = \(owner.text) AND id > \(after?.text ?? "") ORDER BY owner_id, id LIMIT \(limit)
            """
        ) { try MachineStatus(&$0) }
    }

    /// An owner's policies, the newest version first, those before `version`.
    package func policies(of owner: OwnerID, before version: Int64?, limit: Int) throws -> [Policy] {
        try rows(
            """
            SELECT id, owner_id, version, state, rules, created_at, activated_at FROM policies
            WHERE owner_id = \(owner.text) AND version < \(version ?? .max)
            ORDER BY owner_id DESC, version DESC LIMIT \(limit)
            """
        ) { row in
            try Policy(
                id: PolicyID(row.text()), owner: OwnerID(row.text()), version: row.integer(),
                isActive: row.text() == "active", rules: row.text(), createdAt: row.integer(),
                activatedAt: row.optionalInteger())
        }
    }

    /// The consents of an owner's machines, machine by machine, those behind `after`.
    package func consents(
        of owner: OwnerID, after: (worker: MachineID, consent: ConsentID)?, limit: Int
    ) throws -> [Consent] {
        let worker = after?.worker.text ?? ""
        return try rows(
            """
            SELECT consents.id, consents.owner_id, worker_id, policy_id, consents.created_at, revoked_at
            FROM machines JOIN consents ON worker_id = machines.id
            WHERE machines.owner_id = \(owner.text) AND machines.id >= \(worker)
                AND (machines.id > \(worker) OR consents.id > \(after?.consent.text ?? ""))
            ORDER BY machines.id, consents.id LIMIT \(limit)
            """
        ) { row in
            try Consent(
                id: ConsentID(row.text()), owner: OwnerID(row.text()), worker: MachineID(row.text()),
                policy: PolicyID(row.text()), createdAt: row.integer(), revokedAt: row.optionalInteger())
        }
    }

    /// The unrevoked consent of a machine to a policy, the oldest if there are several.
    func standingConsent(_ worker: MachineID, policy: PolicyID) throws -> Consent? {
        try first(
            """
            SELECT id, owner_id, created_at FROM consents
            WHERE worker_id = \(worker.text) AND policy_id = \(policy.text) AND revoked_at IS NULL
            ORDER BY created_at, id LIMIT 1
            """
        ) { row in
            try Consent(
                id: ConsentID(row.text()), owner: OwnerID(row.text()), worker: worker, policy: policy,
                createdAt: row.integer(), revokedAt: nil)
        }
    }

    package func policy(_ id: PolicyID) throws -> Policy? {
        try first(
            """
            SELECT id, owner_id, version, state, rules, created_at, activated_at FROM policies
            WHERE id = \(id.text)
            """
        ) { row in
            try Policy(
                id: PolicyID(row.text()), owner: OwnerID(row.text()), version: row.integer(),
                isActive: row.text() == "active", rules: row.text(), createdAt: row.integer(),
                activatedAt: row.optionalInteger())
        }
    }
}

/// What the edges ask beside their operations.
extension Transaction {
    /// Whether a nonce was spent in this scope and is still kept.
    package func isSpent(_ nonce: String, scope: String) throws -> Bool {
        try first("SELECT 1 FROM nonces WHERE scope = \(scope) AND nonce = \(nonce)") { try $0.integer() } != nil
    }

    /// To which of these policies their workers have unrevoked consents.
    package func standingConsents(_ terms: Set<WorkerPolicy>) throws -> Set<WorkerPolicy> {
        let asked = SQL.Rows("asked", ["worker", "policy"], of: terms) {
            [.text($0.worker.text), .text($0.policy.text)]
        }
        // A look-up for each: whatever the planner believes of the tables, there is no other way to do it.
        let found = try rows(
            """
            SELECT \(asked.worker), \(asked.policy), (SELECT 1 FROM consents
                WHERE worker_id = \(asked.worker) AND policy_id = \(asked.policy) AND revoked_at IS NULL LIMIT 1)
            \(from: asked)
            """
        ) { row in
            let terms = try WorkerPolicy(worker: MachineID(row.text()), policy: PolicyID(row.text()))
            return try row.optionalInteger() == nil ? nil : terms
        }
        return Set(found.compactMap { $0 })
    }

    /// The jobs that each of these workers was told to stop, without those that it was given again since. Workers that
    /// were told nothing are left out.
    package func cancelNotices(for workers: Set<MachineID>) throws -> [MachineID: Set<JobID>] {
        var notices: [MachineID: Set<JobID>] = [:]
        // `+ 0` keeps PostgreSQL from the pruner's index, in which all that are good lie together.
        try SQL.chunked(workers.map(\.text).sorted()) { chunk in
            let found = try rows(
                """
                SELECT worker_id, job_id FROM cancel_notices
                WHERE worker_id \(in: chunk) AND expires_at + 0 > \(now)
                    AND NOT EXISTS (SELECT 1 FROM live_jobs
                        WHERE id = job_id AND live_jobs.worker_id = cancel_notices.worker_id AND state = \(.running))
                """
            ) { row in try (MachineID(row.text()), JobID(row.text())) }
            for (worker, job) in found { notices[worker, default: []].insert(job) }
        }
        return notices
    }

    /// How many jobs wait for some worker. A hint at a bounded cost: it looks at no more than `limit` pending ones.
    package func pendingJobs(atMost limit: Int) throws -> Int64 {
        try first(
            """
            WITH waiting AS MATERIALIZED
                (SELECT class_id FROM live_jobs WHERE state = 'pending' LIMIT \(limit))
            SELECT COUNT(*) FROM waiting JOIN job_classes ON job_classes.id \(.isFound) class_id \(.end)
            WHERE kind IN ('compute', 'audit')
            """
        ) { try $0.integer() } ?? 0
    }
}
