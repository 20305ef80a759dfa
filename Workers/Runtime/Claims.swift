internal import Bytes
internal import Domain
internal import Wire

/// Asks for jobs.
struct Claims: Sendable {
    let client: LeaseClient
    let world: World
    let events: @Sendable (WorkerEvent) -> Void

    /// Asks until it is answered or cancelled, always as the same request: an answer that got lost is given again.
    func claim(_ request: ClaimRequest) async -> [ClaimedJob]? {
        var backoff = RetryDelay()
        while !Task.isCancelled {
            do {
                return try await client.claim(request).jobs
            } catch {
                if Task.isCancelled { break }
                let wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                events(.backoff(call: "claim", error: error, milliseconds: wait))
                try? await world.sleep(.milliseconds(wait))
            }
        }
        return nil
    }

    /// Asked again, the server tells what it granted, and that goes back. Returns whether the server heard.
    func releaseGrants(_ request: ClaimRequest) async -> Bool {
        var request = request
        request.waitMilliseconds = 0
        guard let reply = try? await client.claim(request, timeoutMilliseconds: 1_000) else { return false }
        for job in reply.jobs {
            try? await client.release(job.id, ReleaseRequest(claimToken: job.claimToken, reason: "the worker drains"))
        }
        return true
    }
}
