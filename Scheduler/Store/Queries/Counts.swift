package import Domain

/// How much of a kind and queue stands in a state.
package struct QueueCount: Sendable {
    package var kind: String
    package var queue: String
    package var state: String
    package var count: Int64
    /// Since when the first of them waits, milliseconds since 1970.
    package var oldest: Int64?
}

extension Transaction {
    /// Depth and age by kind, queue and state. Reads every live job: for an operator's page, not for a hot path.
    package func queueCounts() throws -> [QueueCount] {
        try rows(
            """
            SELECT kind, queue, live_jobs.state, COUNT(*), MIN(since)
            FROM live_jobs JOIN job_classes ON job_classes.id = class_id
            GROUP BY kind, queue, live_jobs.state ORDER BY kind, queue, live_jobs.state
            """
        ) { row in
            try QueueCount(
                kind: row.text(), queue: row.text(), state: row.text(), count: row.integer(),
                oldest: row.optionalInteger())
        }
    }

    /// Why a job is not running yet, in words for its owner.
    package func pendingReason(_ job: Job, _ need: Requirement?) throws -> String {
        if job.state == .blocked {
            let waits = try rows("SELECT depends_on FROM job_dependencies WHERE job_id = \(job.id.text)") {
                try JobID($0.text())
            }
            let open = waits.filter { $0 != job.id }.map(\.text).sorted().prefix(5)
            return "waits for jobs it depends on: \(open.joined(separator: ", "))"
        }
        if job.state == .scheduled {
            return job.fence > 0 ? "waits before its next attempt" : "waits for its run_at"
        }
        guard job.kind != .manual else { return "waits for a person" }
        guard job.kind != .audit else { return "waits for a worker that audits, of neither side" }
        let paysMarket = try need.map { $0.affords(Asking.market(try marketPrices().current).rate(of: $0)) } ?? true
        let fits =
            try first(
                """
                SELECT 1 FROM machines WHERE last_heartbeat_at > \(now - Self.awayAfter) AND draining = 0
                    AND COALESCE(milli_cores, \(need?.milliCores ?? 0)) >= \(need?.milliCores ?? 0)
                    AND COALESCE(memory_mib, \(need?.memoryMiB ?? 0)) >= \(need?.memoryMiB ?? 0)
                    AND gpus >= \(need?.gpus ?? 0)
                    AND COALESCE(isolation, 1) >= \(need?.isolation.rank ?? 1)
                    AND (states_price = \(paysMarket ? 0 : -1)
                        OR states_price = 1 AND hourly_price <= \(need?.dearest ?? .max))
                    AND EXISTS (SELECT 1 FROM consents WHERE worker_id = machines.id AND revoked_at IS NULL)
                LIMIT 1
                """
            ) { try $0.integer() } != nil
        return fits ? "waits for a worker to be free" : "no live machine fits what it needs and pays"
    }
}
