internal import Dispatch
internal import Glibc
internal import Synchronization

/// From the moment a submit is sent to the moment when one of the waiting claims has its job, on an idle server.
struct Pickup: Sendable {
    let load: HTTPLoad

    private static let claimers = 8
    private static let pollMilliseconds = 2_000

    /// Written by claimers, read by the submitter.
    private final class Mailbox: Sendable {
        let arrival = Mutex<UInt64>(0)
        let arrived = DispatchSemaphore(value: 0)
        let isOver = Atomic<Bool>(false)
    }

    func round() throws -> [Reading] {
        guard load.clients.count >= 2 else {
            throw Failure.invalid("pickup needs at least 2 connections: one submits, the others wait")
        }
        let mailbox = Mailbox()
        let count = min(Self.claimers, load.clients.count - 1) + 1
        let tallies = try ClientPool.run(count) { index in
            do {
                return index == 0 ? try submit(mailbox) : try claim(load.clients[index], mailbox)
            } catch {
                mailbox.isOver.store(true, ordering: .releasing)
                throw error
            }
        }
        return Reading.latencies("pickup", Tally.sum(tallies).latencies)
    }

    private func submit(_ mailbox: Mailbox) throws -> Tally {
        defer { mailbox.isOver.store(true, ordering: .releasing) }
        let request = load.requests.submit()
        var tally = Tally()
        // All claims are waiting by then.
        usleep(200_000)
        let end = Ticks.now() + UInt64(load.settings.seconds) * 1_000_000_000
        while Ticks.now() < end, !mailbox.isOver.load(ordering: .acquiring) {
            let start = Ticks.now()
            try load.clients[0].submit(request)
            guard mailbox.arrived.wait(timeout: .now() + 10) == .success else {
                throw Failure.unexpected("a job was not picked up within 10 s")
            }
            let arrival = mailbox.arrival.withLock { $0 }
            tally.latencies.append(arrival > start ? arrival - start : 0)
            // The claimer goes back to waiting.
            usleep(3_000)
        }
        return tally
    }

    private func claim(_ client: BenchClient, _ mailbox: Mailbox) throws -> Tally {
        let request = client.requests.claim(limit: 1, waitMilliseconds: Self.pollMilliseconds)
        while !mailbox.isOver.load(ordering: .acquiring) {
            let leases = try client.claim(request)
            let now = Ticks.now()
            guard !leases.isEmpty else { continue }
            try client.finish(leases)
            mailbox.arrival.withLock { $0 = now }
            mailbox.arrived.signal()
        }
        return Tally()
    }
}
