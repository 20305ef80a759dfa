internal import Domain
package import Engine
internal import Store

/// What operators watch of jobs and leases (CONTRACT 10).
package enum JobMetrics {
    /// Depth and age are read from the database at each call; the rest is what this process has counted.
    package static func families(_ broker: JobBroker) async throws -> [MetricFamily] {
        let (counts, now) = try await broker.database.read { tx in (try tx.queueCounts(), tx.now) }
        var depth = MetricFamily(.gauge, "hatchfarm_jobs", "Live jobs by kind, queue and state.")
        var age = MetricFamily(
            .gauge, "hatchfarm_oldest_job_seconds", "Since when the oldest waits, by kind and queue.")
        for count in counts {
            depth.add(count.count, ("kind", count.kind), ("queue", count.queue), ("state", count.state))
            guard count.state == "pending", let oldest = count.oldest else { continue }
            age.add(Double(max(0, now - oldest)) / 1_000, ("kind", count.kind), ("queue", count.queue))
        }
        return [depth, age] + counted(broker.stats.snapshot)
    }

    private static func counted(_ seen: JobStats.Snapshot) -> [MetricFamily] {
        var submitted = MetricFamily(.counter, "hatchfarm_jobs_submitted_total", "Jobs accepted.")
        submitted.add(seen.submitted)
        var claims = MetricFamily(.counter, "hatchfarm_claims_total", "Claims answered, by whether they got something.")
        claims.add(seen.claims - seen.emptyClaims, ("outcome", "granted"))
        claims.add(seen.emptyClaims, ("outcome", "empty"))
        var granted = MetricFamily(.counter, "hatchfarm_jobs_granted_total", "Jobs given to workers.")
        granted.add(seen.granted)
        var results = MetricFamily(.counter, "hatchfarm_results_total", "Attempts and jobs ended, by outcome.")
        for (outcome, count) in seen.outcomes.sorted(by: { $0.key < $1.key }) {
            results.add(count, ("outcome", outcome))
        }
        var lost = MetricFamily(.counter, "hatchfarm_leases_lost_total", "Leases that ran out and were taken back.")
        lost.add(seen.lostLeases)
        var poisoned = MetricFamily(.counter, "hatchfarm_jobs_poisoned_total", "Jobs quarantined after lost workers.")
        poisoned.add(seen.poisoned)
        var sweeps = MetricFamily(.counter, "hatchfarm_sweeps_total", "Rounds of the lease sweeper.")
        sweeps.add(seen.sweeps)
        var waits = MetricFamily(.histogram, "hatchfarm_job_wait_seconds", "From ready to claimed, by kind and queue.")
        for (line, spread) in seen.waits.sorted(by: { ($0.key.kind, $0.key.queue) < ($1.key.kind, $1.key.queue) }) {
            waits.add(spread, ("kind", line.kind), ("queue", line.queue))
        }
        var tenants = MetricFamily(.histogram, "hatchfarm_tenant_wait_seconds", "From ready to claimed, by owner.")
        for (owner, spread) in seen.tenantWaits.sorted(by: { $0.key < $1.key }) {
            tenants.add(spread, ("owner", owner))
        }
        var runs = MetricFamily(.histogram, "hatchfarm_job_run_seconds", "From claim to result, by the server's clock.")
        runs.add(seen.runs)
        return [submitted, claims, granted, results, lost, poisoned, sweeps, waits, tenants, runs]
    }
}
