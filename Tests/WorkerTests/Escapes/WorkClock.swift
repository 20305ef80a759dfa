import Foundation
import Glibc
import Synchronization

/// Does small work again and again, and knows how long the slowest hundredth took.
final class WorkClock: Sendable {
    private let times = Mutex<[Int64]>([])
    private let isStopped = Atomic(false)

    init() {
        let body: @Sendable () -> Void = { [self] in
            while !isStopped.load(ordering: .relaxed) {
                let started = Self.microseconds()
                var sum = 0
                for index in 0..<20_000 { sum &+= index &* index }
                times.withLock { $0.append(Self.microseconds() - started &+ Int64(sum & 0)) }
                usleep(1_000)
            }
        }
        Thread.detachNewThread(body)
    }

    /// Of what was done since the last question, in microseconds.
    func p99() -> Int64 {
        times.withLock { times in
            defer { times = [] }
            let sorted = times.sorted()
            return sorted.isEmpty ? 0 : sorted[sorted.count * 99 / 100]
        }
    }

    func stop() {
        isStopped.store(true, ordering: .relaxed)
    }

    private static func microseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
