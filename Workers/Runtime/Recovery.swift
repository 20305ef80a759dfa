internal import Bytes
internal import Domain
internal import Wire

/// Tells the server what an earlier life of this daemon left unsaid: results that it may not have heard of, and jobs
/// that died with their daemon. Whatever the server answers for good ends the debt.
struct Recovery: Sendable {
    let journal: Journal
    let client: LeaseClient
    let reporter: ResultReporter
    let world: World
    let events: @Sendable (WorkerEvent) -> Void

    /// Until all is said, or its task is cancelled. Returns the claims that are still to be asked again.
    func run() async -> [String] {
        let unreported = journal.takeUnreported()
        guard !unreported.results.isEmpty || !unreported.lost.isEmpty else { return unreported.claims }
        await withTaskGroup(of: Void.self) { group in
            for report in unreported.results { group.addTask { await deliver(report) } }
            for (token, job) in unreported.lost { group.addTask { await reportLost(job, token) } }
        }
        if !Task.isCancelled { events(.recovered(results: unreported.results.count, lost: unreported.lost.count)) }
        return unreported.claims
    }

    private func deliver(_ report: ResultReport) async {
        do {
            if let paid = try await reporter.report(report) { events(.paid(job: report.job, usdt: paid)) }
        } catch is CancellationError {
            return
        } catch {
            events(.lost(job: report.job, reason: (error as? ServerError)?.message ?? "\(error)"))
        }
        journal.resolve(report.claimToken)
    }

    /// The job is free at once, and not when its lease runs out; it counts as lost all the same, so that one which
    /// kills its daemons is found out.
    private func reportLost(_ job: JobID, _ token: String) async {
        let request = ReleaseRequest(claimToken: token, reason: "the daemon was killed", isLost: true)
        var backoff = RetryDelay(longestMilliseconds: 10_000)
        while !Task.isCancelled {
            do {
                try await client.release(job, request)
                return journal.resolve(token)
            } catch {
                guard error.isTransient || error.isUnauthorized else { return journal.resolve(token) }
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                events(.backoff(call: "release", error: error, milliseconds: wait))
                try? await world.sleep(.milliseconds(wait))
            }
        }
    }
}
