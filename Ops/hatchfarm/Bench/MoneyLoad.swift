internal import Domain
internal import Glibc
internal import Synchronization

/// Paid jobs over HTTP: funded owners submit them, providers' machines claim them and are paid for them.
struct MoneyLoad: Sendable {
    /// One connection: an owner when it submits, a machine when it works.
    struct Client: Sendable {
        let owner: Requests
        let machine: BenchClient
    }

    /// A job's maximum price, and a machine's price per hour, in minor units: ten of them per millisecond.
    static let maxPrice: Int64 = 1_000_000
    static let hourlyPrice = 36 * Money.usdt
    static let job = #"{"title":"bench","command":["true"],"duration_minutes":1,"max_price_usdt":"1"}"#
    /// The same without a price, for machines that ask for none.
    static let unpaidJob = #"{"title":"bench","command":["true"],"duration_minutes":1}"#
    private static let leaseMilliseconds = 1_800_000

    let clients: [Client]

    /// The number of jobs per client, in hundreds, so that all clients together run at least `count`.
    func share(of count: Int) -> Int {
        let hundreds = (count / max(1, clients.count) + BenchSettings.batch - 1) / BenchSettings.batch
        return max(1, hundreds) * BenchSettings.batch
    }

    /// Submits, claims and finishes in separate phases, so that each is measured by itself.
    func round(_ name: String, share: Int, isSingle: Bool) throws -> [Reading] {
        let count = share * clients.count
        let submitting = try timed { client, _ in
            let request = client.owner.submit(batchOf: BenchSettings.batch)
            for _ in 0..<share / BenchSettings.batch { try client.machine.submit(request) }
        }
        let claimed = Mutex<[Int: [BenchLease]]>([:])
        let claiming = try timed { client, index in
            let leases = try claim(share, by: client.machine)
            claimed.withLock { $0[index] = leases }
        }
        let finishing = try timed { client, index in
            let leases = claimed.withLock { $0.removeValue(forKey: index) } ?? []
            if isSingle {
                for lease in leases { try client.machine.finish(lease) }
            } else {
                for start in stride(from: 0, to: leases.count, by: BenchSettings.batch) {
                    try client.machine.finish(Array(leases[start..<min(leases.count, start + BenchSettings.batch)]))
                }
            }
        }
        return [
            .rate("\(name) submit", count, submitting), .rate("\(name) claim", count, claiming),
            .rate("\(name) result", count, finishing),
            .rate("\(name) claim and result", count, claiming + finishing),
        ]
    }

    /// Claims until the client has its share.
    private func claim(_ share: Int, by machine: BenchClient) throws -> [BenchLease] {
        let request = machine.requests.claim(limit: BenchSettings.batch, leaseMilliseconds: Self.leaseMilliseconds)
        let left = Remaining(share)
        var leases: [BenchLease] = []
        while leases.count < share {
            let more = try machine.claim(request)
            guard !more.isEmpty else {
                try left.checkProgress()
                usleep(1_000)
                continue
            }
            left.take(more.count)
            leases += more
        }
        return leases
    }

    /// Runs `body` for all clients concurrently; returns the nanoseconds until the last is done.
    private func timed(_ body: @escaping @Sendable (Client, Int) throws -> Void) throws -> UInt64 {
        let start = Ticks.now()
        _ = try ClientPool.run(clients.count) { index in
            try body(clients[index], index)
            return Tally()
        }
        return Ticks.now() - start
    }
}
