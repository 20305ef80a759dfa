internal import Dispatch
internal import Glibc
internal import Synchronization

/// The latency from sending a submit until one of the waiting claims returns with the job, on an idle server.
struct Pickup: Sendable {
    let load: HTTPLoad

    private static let claimers = 8
    private static let pollMilliseconds = 2_000

    /// Shared by the claimers and the submitter.
    private final class Shared: Sendable {
        let arrival = Mutex<UInt64>(0)
        let arrived = DispatchSemaphore(value: 0)
        let isDone = Atomic<Bool>(false)
    }

    func round() throws -> [Reading] {
        guard load.clients.count >= 2 else {
            throw Failure.invalid("pickup needs at least 2 connections: one submits, the others wait")
        }
        let shared = Shared()
        let count = min(Self.claimers, load.clients.count - 1) + 1
        let tallies = try ClientPool.run(count) { index in
            do {
                return index == 0 ? try submit(shared) : try claim(load.clients[index], shared)
            } catch {
                shared.isDone.store(true, ordering: .releasing)
                throw error
            }
        }
        return Reading.latencies("pickup", Tally.sum(tallies).latencies)
    }

    private func submit(_ shared: Shared) throws -> Tally {
        defer { shared.isDone.store(true, ordering: .releasing) }
        let request = load.requests.submit()
        var tally = Tally()
        // Let all claims start waiting.
        usleep(200_000)
        let end = Ticks.now() + UInt64(load.settings.seconds) * 1_000_000_000
        while Ticks.now() < end, !shared.isDone.load(ordering: .acquiring) {
            let start = Ticks.now()
            try load.clients[0].submit(request)
            guard shared.arrived.wait(timeout: .now() + 10) == .success else {
                throw Failure.unexpected("a job was not picked up within 10 s")
            }
            let arrival = shared.arrival.withLock { $0 }
            tally.latencies.append(arrival > start ? arrival - start : 0)
            // Let the claimer start waiting again.
            usleep(3_000)
        }
        return tally
    }

    private func claim(_ client: BenchClient, _ shared: Shared) throws -> Tally {
        let request = client.requests.claim(limit: 1, waitMilliseconds: Self.pollMilliseconds)
        while !shared.isDone.load(ordering: .acquiring) {
            let leases = try client.claim(request)
            let now = Ticks.now()
            guard !leases.isEmpty else { continue }
            try client.finish(leases)
            shared.arrival.withLock { $0 = now }
            shared.arrived.signal()
        }
        return Tally()
    }
}
