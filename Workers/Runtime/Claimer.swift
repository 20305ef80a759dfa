internal import Bytes
internal import Domain
internal import Wire

/// Claims jobs.
struct Claimer: Sendable {
    let client: LeaseClient
    let world: World
    let events: @Sendable (WorkerEvent) -> Void

    /// Retries until answered or cancelled, always with the same request id: a lost answer is repeated.
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

    /// Repeats the claim to learn what was granted, and releases it. Returns whether the server answered.
    func releaseGrants(_ request: ClaimRequest) async -> Bool {
        var request = request
        request.waitMilliseconds = 0
        guard let reply = try? await client.claim(request, timeoutMilliseconds: 1_000) else { return false }
        for job in reply.jobs {
            try? await client.release(
                job.id, ReleaseRequest(claimToken: job.claimToken, reason: "the worker is draining"))
        }
        return true
    }
}
