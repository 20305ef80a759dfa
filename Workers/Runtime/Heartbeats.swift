internal import Bytes
internal import Domain
internal import Wire

/// Sends heartbeats, and learns from the replies which jobs to stop (CONTRACT 5). Extends no lease.
struct Heartbeats: Sendable {
    let client: LeaseClient
    let credentials: WorkerCredentials
    let extender: LeaseExtender
    let world: World
    let events: @Sendable (WorkerEvent) -> Void
    /// What this machine provides.
    let isolation: Isolation
    let load: @Sendable () async -> Load

    struct Load: Sendable {
        /// Jobs.
        let running: Int
        let slots: Int
        /// What keeps the machine from running jobs.
        let fault: String?
    }

    /// Runs until its task is cancelled.
    func run() async {
        var backoff = RetryDelay(initialMilliseconds: 500)
        // The server's clock minus ours: a machine with a wrong clock must not be locked out.
        var skew: Int64 = 0
        while !Task.isCancelled {
            var wait: Int64
            do throws(ServerError) {
                let answer = try await client.heartbeat(await request(skew))
                if let refusal = answer.refusal {
                    let corrected = answer.date.flatMap(Self.parseDate).map { $0 - world.now() }
                    if case .unauthorized = refusal, let corrected, abs(corrected - skew) > 30_000 {
                        skew = corrected
                        continue
                    }
                    throw refusal
                }
                guard let reply = answer.reply else { continue }
                backoff.reset()
                skew = Self.isWrong(reply.serverTime - world.now()) ? reply.serverTime - world.now() : 0
                await extender.cancel(reply.cancelled)
                events(.heartbeat(pendingJobs: reply.pendingJobs))
                let interval = Int64(reply.nextHeartbeatMilliseconds)
                wait = interval - world.random(below: interval / 10)
            } catch {
                guard !Task.isCancelled else { return }
                // No consent: no job may keep running on this machine.
                if case .refused(403, _) = error { await extender.stopAll(.cancelled) }
                wait = backoff.milliseconds(in: world, atLeast: error.retryAfter)
                events(.backoff(call: "heartbeat", error: error, milliseconds: wait))
            }
            try? await world.sleep(.milliseconds(wait))
        }
    }

    private func request(_ skew: Int64) async -> HeartbeatRequest {
        let load = await load()
        var metrics: [JSON.Member] = [
            .init("running", JSON(load.running)), .init("slots", JSON(load.slots)),
            .init("isolation", .string(isolation.rawValue)),
        ]
        if let fault = load.fault {
            let text = ProgressStream.truncated(fault, WireLimits.messageBytes.upperBound)
            metrics.append(.init("fault", .string(text)))
        }
        return HeartbeatRequest(
            workerID: credentials.workerID, machineToken: credentials.machineToken,
            sentAt: world.now() + skew, nonce: Hex.encode(world.random(16)),
            policyID: credentials.policyID,
            metrics: .object(metrics))
    }

    private static func isWrong(_ skew: Int64) -> Bool {
        abs(skew) > 5_000
    }

    /// `Sun, 06 Nov 1994 08:49:37 GMT`, as milliseconds since 1970.
    static func parseDate(_ text: String) -> Int64? {
        let parts = text.split(separator: " ")
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard parts.count == 6, let month = months.firstIndex(of: String(parts[2])) else { return nil }
        let number = month < 9 ? "0\(month + 1)" : "\(month + 1)"
        return RFC3339.parse("\(parts[3])-\(number)-\(parts[1])T\(parts[4])Z")
    }
}

extension ServerError {
    var retryAfter: Int64? {
        switch self {
        case .overloaded(let milliseconds): milliseconds
        // Asked again soon: three such answers in a row end the daemon.
        case .unauthorized: 2_000
        // Unlikely to change soon.
        case .refused: 10_000
        case .lost, .ended, .unreachable: nil
        }
    }
}
