internal import Bytes
package import Domain

/// How many of the jobs that were looked at are of a class and in a state.
package struct ClassCount: Sendable {
    package let id: ClassID
    package let state: String
    package let count: Int64
    /// Since when the first of them waits, milliseconds since 1970.
    package let oldest: Int64
    let last: JobID
}

extension Transaction {
    /// Counts live jobs in the order of their ids, so many in one go; and the one to go on behind, nil when there are
    /// no more.
    package func countJobs(after job: JobID?, atMost limit: Int) throws -> (counts: [ClassCount], end: JobID?) {
        let counts = try rows(
            """
            SELECT class_id, state, COUNT(*), MIN(since), MAX(id) FROM (
                SELECT id, class_id, state, since FROM live_jobs WHERE id > \(job?.text ?? "")
                ORDER BY id LIMIT \(limit)
            ) AS bite GROUP BY class_id, state
            """
        ) { row in
            try ClassCount(
                id: ClassID(row.integer()), state: row.text(), count: row.integer(), oldest: row.integer(),
                last: JobID(row.text()))
        }
        let total = counts.reduce(0) { $0 + $1.count }
        return (counts, total < Int64(limit) ? nil : counts.map(\.last).max { $0.text.precedesExactly($1.text) })
    }

    /// Why a job is not running yet, in words for its owner; nil when it may be claimed by any machine that it fits
    /// (`LiveMachines`).
    package func pendingReason(_ job: Job) throws -> String? {
        if job.state == .blocked {
            // A job names 100 at the most.
            let open = try rows(
                """
                SELECT depends_on FROM job_dependencies WHERE job_id = \(job.id.text)
                    AND (SELECT 1 FROM live_jobs WHERE live_jobs.id = depends_on LIMIT 1) IS NOT NULL
                """
            ) { try $0.text() }.sorted()
            guard !open.isEmpty else { return "those that it depends on have ended: its turn comes in a moment" }
            let others = open.count > 5 ? " and \(open.count - 5) others" : ""
            return "waits for jobs it depends on: \(open.prefix(5).joined(separator: ", "))\(others)"
        }
        if job.state == .scheduled {
            return job.fence > 0 ? "waits before its next attempt" : "waits for its run_at"
        }
        guard job.kind != .manual else { return "waits for a person" }
        guard job.kind != .audit else { return "waits for a worker that audits, of neither side" }
        return nil
    }

    /// What the machines that are heard of offer. Reads all of them: not for each call (`Dependencies.liveMachines`).
    package func liveMachines() throws -> LiveMachines {
        let prices = try marketPrices().current
        var machines = LiveMachines()
        // As a claim finds its terms, for all at once.
        for limits in try rows(
            """
            SELECT machines.owner_id, milli_cores, memory_mib, gpus, labels, machines.isolation, has_capacity,
                hourly_price, draining, max_job_minutes, policies.isolation, network, allowed_hours, timezone,
                states_price, policies.id
            FROM machines LEFT JOIN policies ON policies.id \(.isFound) SELECT policy_id FROM consents
                WHERE worker_id = machines.id AND revoked_at IS NULL
                    AND EXISTS (SELECT 1 FROM policies AS active WHERE active.id \(.isFound) policy_id \(.end)
                        AND active.state = 'active' AND active.owner_id = machines.owner_id)
                ORDER BY consents.created_at DESC, consents.id LIMIT 1 \(.end)
            WHERE last_heartbeat_at > \(now - Self.awayAfter)
            """, { row in try MachineLimits(&row, prices: prices) })
        {
            machines.add(limits.idleOffer(at: now))
        }
        return machines
    }
}
