internal import Bytes
internal import Logging
internal import Synchronization

/// How often heartbeats were taken on SQL's word alone, as Redis was down and `REDIS_NONCE_FALLBACK` is on
/// (PROMISES R6).
package final class NonceFallback: Sendable {
    /// Milliseconds between two warnings.
    private static let warnEvery: Int64 = 60_000

    private struct State: Sendable {
        var count = 0
        var warnedAt: Int64?
    }

    private let state = Mutex(State())
    private let logger = Logger(label: "heartbeats")
    private let now: @Sendable () -> Int64

    init(world: World) { now = world.monotonic }

    package var count: Int { state.withLock(\.count) }

    /// Counts one, and says so now and then.
    func use() {
        let now = now()
        let mustWarn = state.withLock { state in
            state.count += 1
            if let last = state.warnedAt, now - last < Self.warnEvery { return false }
            state.warnedAt = now
            return true
        }
        if mustWarn { logger.warning("Redis is down: heartbeats are checked by SQL alone (REDIS_NONCE_FALLBACK)") }
    }
}
