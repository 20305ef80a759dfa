internal import Bytes
internal import Domain
internal import Wire

/// Reports to the server what an earlier run of this daemon could not: results that may not have arrived, and jobs that
/// were lost with the daemon. An entry is resolved by any final answer of the server.
struct Recovery: Sendable {
    let journal: Journal
    let client: LeaseClient
    let reporter: ResultReporter
    let world: World
    let events: @Sendable (WorkerEvent) -> Void

    /// Runs until everything is reported or its task is cancelled. Returns the claims to be repeated.
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

    /// Frees the job at once instead of when its lease expires. It still counts as a loss, so that jobs which kill
    /// their daemons are detected.
    private func reportLost(_ job: JobID, _ token: String) async {
        let request = ReleaseRequest(claimToken: token, reason: "the daemon was killed", isLost: true)
        var backoff = RetryDelay(maxMilliseconds: 10_000)
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
