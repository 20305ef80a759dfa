internal import Glibc
internal import Synchronization

/// The monotonic clock, in nanoseconds.
enum Ticks {
    static func now() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    static func seconds(_ ticks: UInt64) -> Double { Double(ticks) / 1e9 }
    static func milliseconds(_ ticks: UInt64) -> Double { Double(ticks) / 1e6 }
}

/// The results of one thread.
struct Tally: Sendable {
    var jobs = 0
    /// Nanoseconds, one per measured call.
    var latencies: [UInt64] = []

    static func sum(_ tallies: [Tally]) -> Tally {
        var sum = Tally()
        for tally in tallies {
            sum.jobs += tally.jobs
            sum.latencies += tally.latencies
        }
        return sum
    }
}

/// Runs the same loop on several system threads.
enum ClientPool {
    /// Blocks until all are done; rethrows the first error.
    static func run(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Tally) throws -> [Tally] {
        let results = Mutex<[Result<Tally, any Error>]>([])
        let threads = try (0..<count).map { index in
            try start {
                let result = Result { try body(index) }
                results.withLock { $0.append(result) }
            }
        }
        for thread in threads { pthread_join(thread, nil) }
        return try results.withLock { try $0.map { try $0.get() } }
    }

    /// Sends all, each connection its own; returns the nanoseconds until the last is done, and those of each call.
    /// - Parameter call: what an answer other than 200 is reported as.
    static func send(
        _ requests: [[[UInt8]]], on connections: [RawConnection], _ call: String
    ) throws -> (ticks: UInt64, latencies: [UInt64]) {
        let start = Ticks.now()
        let tallies = try run(connections.count) { index in
            var tally = Tally()
            for request in requests[index] {
                let sent = Ticks.now()
                let answer = try connections[index].exchange(request)
                tally.latencies.append(Ticks.now() - sent)
                guard answer.status == 200 else {
                    throw Failure.unexpected("\(call) got \(answer.status): \(answer.text)")
                }
            }
            return tally
        }
        return (Ticks.now() - start, Tally.sum(tallies).latencies)
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private static func start(_ run: @escaping @Sendable () -> Void) throws -> pthread_t {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(run))
        let status = pthread_create(
            &thread, nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard status == 0 else {
            body.release()
            throw Failure.unexpected("cannot start a thread")
        }
        return thread
    }
}

/// Order statistics of a sample.
enum Statistics {
    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard let last = sorted.last else { return 0 }
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : min(sorted[middle], last)
    }

    /// The smallest value that is not exceeded by at least `share` (0…1) of the sample.
    static func percentile(_ values: [UInt64], _ share: Double) -> UInt64 {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let rank = Int((Double(sorted.count) * max(0, min(1, share))).rounded(.up))
        return sorted[max(0, min(sorted.count, rank) - 1)]
    }
}
