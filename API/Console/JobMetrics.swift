package import Bytes
internal import Domain
package import Engine
internal import Store

/// What operators watch of jobs and leases (CONTRACT 10).
package struct JobMetrics: Sendable {
    private let broker: JobBroker
    private let census: JobCensus

    package init(_ broker: JobBroker, world: World) {
        self.broker = broker
        census = JobCensus(broker.database, world)
    }

    /// Depth and age are counted in the background; the rest is what this process has seen.
    package func families() async throws -> [MetricFamily] {
        let (census, now) = (try await census.current, try await broker.database.read { $0.now })
        var depth = MetricFamily(.gauge, "hatchfarm_jobs", "Live jobs by kind, queue and state.")
        var age = MetricFamily(
            .gauge, "hatchfarm_oldest_job_seconds", "Since when the oldest waits, by kind and queue.")
        let figures = census.figures.sorted {
            ($0.key.kind, $0.key.queue, $0.key.state) < ($1.key.kind, $1.key.queue, $1.key.state)
        }
        for (line, figure) in figures {
            depth.add(figure.count, ("kind", line.kind), ("queue", line.queue), ("state", line.state))
            guard line.state == "pending" else { continue }
            age.add(Double(max(0, now - figure.oldest)) / 1_000, ("kind", line.kind), ("queue", line.queue))
        }
        var counted = MetricFamily(.gauge, "hatchfarm_jobs_counted_seconds", "How long ago live jobs were counted.")
        counted.add(Double(max(0, now - census.at)) / 1_000)
        return [depth, age, counted] + Self.counted(broker.stats.snapshot)
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
        var pruned = MetricFamily(
            .counter, "hatchfarm_pruned_rows_total", "Rows that retention and deletions took away, by table.")
        for (table, count) in seen.pruned.sorted(by: { $0.key < $1.key }) { pruned.add(count, ("table", table)) }
        return [submitted, claims, granted, results, lost, poisoned, sweeps, waits, tenants, runs, pruned]
    }
}
