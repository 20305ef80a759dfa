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

    /// Why a job is not running yet, in words for its owner.
    package func pendingReason(_ job: Job, _ need: Requirement?) throws -> String {
        if job.state == .blocked {
            let waits = try rows("SELECT depends_on FROM job_dependencies WHERE job_id = \(job.id.text)") {
                try JobID($0.text())
            }
            let ended = try endedStates(waits)
            let open = waits.filter { ended[$0] == nil }.map(\.text).sorted().prefix(5)
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
