internal import Glibc

/// Everything outside that cannot be repeated: clocks, sleep, chance. The only place that touches them.
package struct World: Sendable {
    /// Milliseconds since 1970 UTC. May jump.
    package var now: @Sendable () -> Int64
    /// Milliseconds from some start; never goes back, and counts the time the machine was suspended,
    /// so that nobody wakes up believing in a lease that has run out.
    package var monotonic: @Sendable () -> Int64
    /// Throws `CancellationError` when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// So many unpredictable bytes.
    package var random: @Sendable (Int) -> [UInt8]

    package init(
        now: @escaping @Sendable () -> Int64,
        monotonic: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable (Int) -> [UInt8]
    ) {
        self.now = now
        self.monotonic = monotonic
        self.sleep = sleep
        self.random = random
    }

    package static let live = World(
        now: { milliseconds(CLOCK_REALTIME) },
        monotonic: { milliseconds(CLOCK_BOOTTIME) },
        sleep: { try await Task.sleep(for: $0) },
        random: { randomBytes($0) })

    private static func milliseconds(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}
